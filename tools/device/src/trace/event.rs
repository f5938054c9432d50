//! One call, as it is shown.

use std::time::Duration;

use nix::errno::Errno;
use serde_json::{Map, Value, json};

use super::calls::{Call, Way, meaning};
use super::client::Details;

/// A call that a program made.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) process: i32,
    pub(super) thread: i32,
    pub(super) fd: i32,
    /// Since the watching began.
    pub(super) at: Duration,
    pub(super) duration: Duration,
    pub(super) call: Option<&'static Call>,
    pub(super) request: u32,
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
    /// What the call returned; `None` if the thread ended in it.
    pub(super) result: Option<Result<i64, i32>>,
    pub(super) details: Details,
}

impl Event {
    /// A line for programs, or some for people.
    pub(super) fn lines(&self, json: bool) -> Vec<String> {
        if json {
            return vec![self.object().to_string()];
        }
        let name = self.call.map_or_else(
            || format!("request {:#010x}", self.request),
            |c| c.name.to_owned(),
        );
        let outputs = if matches!(self.result, Some(Ok(_))) {
            self.fields(false)
        } else {
            Vec::new()
        };
        let mut line = format!(
            "[{}] {:>12.6} {name}(fd={} {}) = {}",
            self.thread,
            self.at.as_secs_f64(),
            self.fd,
            self.join(&self.fields(true)),
            self.result_text()
        );
        if !outputs.is_empty() {
            line += &format!(" {}", self.join(&outputs));
        }
        line += &format!(" <{:.6}>", self.duration.as_secs_f64());
        let mut lines = vec![line];
        for buffer in &self.details.buffers {
            lines.push(format!("    buffer {}", buffer.text()));
        }
        lines.extend(self.details.notes.iter().map(|note| format!("    {note}")));
        for seen in &self.details.packets {
            let text = seen
                .packet
                .as_ref()
                .map_or_else(Clone::clone, |packet| packet.text());
            lines.push(format!("    packet in {}: {text}", seen.buffer));
        }
        lines
    }

    fn result_text(&self) -> String {
        match self.result {
            None => "?".into(),
            Some(Ok(value)) => value.to_string(),
            Some(Err(errno)) => format!(
                "-1 {:?} ({})",
                Errno::from_raw(errno),
                Errno::from_raw(errno).desc()
            ),
        }
    }

    /// Names and values of what went in, or came out.
    fn fields(&self, inputs: bool) -> Vec<(&'static str, u64)> {
        let fields = self.call.map(|call| call.fields).unwrap_or_default();
        let argument = if inputs { &self.before } else { &self.after };
        let wanted = fields.iter().filter(|f| match f.way {
            Way::In => inputs,
            Way::Out => !inputs,
            Way::InOut => true,
        });
        wanted.map(|f| (f.name, f.of(argument))).collect()
    }

    fn object(&self) -> Value {
        let side = |inputs| -> Map<String, Value> {
            let fields = self.fields(inputs).into_iter();
            fields
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect()
        };
        let call = self.call.map(|call| call.name);
        let errno = self
            .result
            .and_then(Result::err)
            .map(|e| format!("{:?}", Errno::from_raw(e)));
        let mut details = serde_json::to_value(&self.details).unwrap_or(Value::Null);
        let mut object = json!({
            "schema": "xdna.trace/1",
            "pid": self.process,
            "tid": self.thread,
            "fd": self.fd,
            "at_ns": self.at.as_nanos() as u64,
            "duration_ns": self.duration.as_nanos() as u64,
            "call": call,
            "request": self.request,
            "in": side(true),
            "out": if matches!(self.result, Some(Ok(_))) { Value::Object(side(false)) } else { Value::Null },
            "result": self.result.and_then(Result::ok),
            "errno": errno,
        });
        if let Some(call) = self.call {
            let param = call.fields.iter().find(|f| f.name == "param" || f.name == "type");
            let named = param.and_then(|f| meaning(call.name, f.name, f.of(&self.before)));
            object["name"] = named.into();
        }
        if let (Some(object), Some(details)) = (object.as_object_mut(), details.as_object_mut()) {
            object.append(details);
        }
        object
    }
}

impl Event {
    fn named(&self, field: &str, value: u64) -> Option<&'static str> {
        meaning(self.call?.name, field, value)
    }

    fn join(&self, fields: &[(&'static str, u64)]) -> String {
        fields
            .iter()
            .map(|field| self.pair(field))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `name=value`, with the name of the value where it has one.
    fn pair(&self, (name, value): &(&'static str, u64)) -> String {
        match (self.named(name, *value), name) {
            (Some(word), _) => format!("{name}={word}"),
            (None, name) if is_address(name) => format!("{name}={value:#x}"),
            _ => format!("{name}={value}"),
        }
    }
}

fn is_address(field: &str) -> bool {
    matches!(
        field,
        "qos"
            | "vaddr"
            | "xdna_addr"
            | "map_offset"
            | "args"
            | "buffer"
            | "handles"
            | "points"
            | "value"
            | "name"
            | "flags"
    )
}
