//! What the fuzz targets share with the seeded runs, which need neither a nightly compiler nor libFuzzer.

#[cfg(feature = "formats")]
pub mod formats;
#[cfg(feature = "npu")]
pub mod npu;

pub mod seeded;
mod target;

pub use target::Target;

/// The target of that name, as far as the features go.
pub fn target(name: &str) -> Option<Box<dyn Target>> {
    #[cfg(feature = "npu")]
    match name {
        "packets" => return Some(Box::new(npu::Packets::default())),
        "requests" => return Some(Box::new(npu::Requests::default())),
        _ => {}
    }
    #[cfg(feature = "formats")]
    if let Some(target) = formats::Readers::of(name) {
        return Some(Box::new(target));
    }
    #[cfg(not(any(feature = "npu", feature = "formats")))]
    let _ = name;
    None
}
