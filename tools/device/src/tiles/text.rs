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
        let stalls = if c.stalls == 0 {
            String::new()
        } else {
            format!(" stalls {:#x}", c.stalls)
        };
        format!(
            "{}{} {}{stalls} bd {} queue {}",
            c.direction, c.channel, c.state, c.descriptor, c.queued
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
        let seen: Vec<_> = e.seen.iter().map(ToString::to_string).collect();
        let errors = if e.errors.is_empty() {
            String::new()
        } else {
            format!("; errors: {}", e.errors.join(", "))
        };
        format!("{}: {}{errors}", e.module, seen.join(" "))
    });
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() {
        "none".into()
    } else {
        texts.join("; ")
    }
}
