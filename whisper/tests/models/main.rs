//! Model files: what we write is read back, and what is damaged is refused by name. Every model here is made on the spot.
#![allow(clippy::unwrap_used, reason = "tests")]

mod any_bytes;
mod ct2;
mod damaged;
mod placing;
mod round_trips;
mod safetensors;
mod synthetic;
