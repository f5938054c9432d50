//! A tile's state in words.

use super::status::{Channel, Events};

/// Tiles that are in the same state.
pub(super) fn places_text(places: &[String]) -> String {
    match places {
        [first, .., last] if places.len() > 6 => format!("{} tiles, {first} to {last}", places.len()),
        places => places.join(" "),
    }
}

/// Channels that are not idle.
pub(super) fn dma_text(channels: &[Channel]) -> String {
    let busy = channels.iter().filter(|c| c.register != 0).map(|c| {
        let list = |what: &str, names: &[&str]| match names {
            [] => String::new(),
            names => format!(" {what}: {};", names.join(", ")),
        };
        format!(
            "{}{} {}{}{} bd {} queue {}",
            c.direction,
            c.channel,
            c.state,
            list("waits for", &c.stalls),
            list("errors", &c.errors),
            c.descriptor,
            c.queued
        )
    });
    let busy: Vec<_> = busy.collect();
    if busy.is_empty() {
        "idle".into()
    } else {
        busy.join(", ")
    }
}

/// Locks that are not 0.
pub(super) fn locks_text(locks: &[u8]) -> String {
    let set = locks.iter().enumerate().filter(|(_, value)| **value != 0);
    let set: Vec<_> = set.map(|(i, value)| format!("{i}={value}")).collect();
    if set.is_empty() {
        "all 0".into()
    } else {
        set.join(" ")
    }
}

/// Events seen, errors by name.
pub(super) fn events_text(events: &[Events]) -> String {
    let texts = events.iter().filter(|e| !e.seen.is_empty()).map(|e| {
        let errors = if e.errors.is_empty() {
            String::new()
        } else {
            format!("; errors: {}", e.errors.join(", "))
        };
        format!("{}: {}{errors}", e.module, ranges(&e.seen))
    });
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() {
        "none".into()
    } else {
        texts.join("; ")
    }
}

/// Numbers in ascending order, runs as `64-95`.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let texts = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first} {last}"),
        _ => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::names;

    #[test]
    fn runs_of_events_are_short() {
        assert_eq!(ranges(&[1, 3, 4, 64, 65, 66, 67]), "1 3 4 64-67");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn a_channel_says_what_it_waits_for_and_what_went_wrong() {
        let register = 0x0504_0411;
        let channel = Channel {
            channel: 0,
            direction: "S2MM",
            state: "starting",
            stalls: names::stalls(register),
            errors: names::dma_errors(register),
            queued: 0,
            descriptor: 5,
            register,
        };
        assert_eq!(
            dma_text(&[channel]),
            "S2MM0 starting waits for: stream; errors: descriptor unavailable, queue overflow; bd 5 queue 0"
        );
    }
}
