//! What /proc/PID/fdinfo shows of the node's descriptor.

use std::fmt::Write;

use super::Kmd;
use super::bo::Kind;
use super::client::ClientId;
use crate::profile::Level;

impl Kmd {
    /// The driver's lines in the fdinfo of a client's descriptor; `pci` is the address of the function.
    pub fn fdinfo(&self, id: ClientId, pci: &str) -> String {
        let driver = xdna_uapi::DRIVER_NAME;
        let mut text = format!(
            "drm-driver:\t{driver}\ndrm-client-id:\t{}\ndrm-pdev:\t{pci}\n",
            id.0
        );
        let Some(client) = self
            .clients
            .get(&id)
            .filter(|_| self.profile.kernel.level() >= Level::L10)
        else {
            return text;
        };
        let usage = self.usage_of(client);
        let shared = client
            .bos
            .iter()
            .filter(|(_, b)| b.imported || b.kind == Kind::Share)
            .map(|(_, b)| b.size);
        let lines = [
            (format!("{driver}-heap-alloc"), usage.heap_usage),
            (format!("{driver}-internal-alloc"), usage.internal_usage),
            (
                format!("{driver}-external-alloc"),
                usage.total_usage - usage.internal_usage,
            ),
            ("drm-total-memory".to_owned(), usage.total_usage),
            ("drm-shared-memory".to_owned(), shared.sum()),
        ];
        for (key, bytes) in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}:\t{} KiB", bytes / 1024);
        }
        text
    }
}
