//! The Hugging Face hub's interface: what a revision holds, and where its files are.

use std::{env, io, thread, time::Duration};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use ureq::{Agent, Body, config::Config, http::Response};

use super::{Patience, digest::Digest};

/// `HF_ENDPOINT`, else the public hub.
pub(super) fn endpoint() -> String {
    let given = env::var("HF_ENDPOINT")
        .ok()
        .filter(|endpoint| !endpoint.is_empty());
    given.unwrap_or_else(|| "https://huggingface.co".to_owned())
}

/// A hub.
#[derive(Debug)]
pub(super) struct Hub {
    agent: Agent,
    endpoint: String,
    pub(super) patience: Patience,
}

/// A commit of a repository.
#[derive(Debug)]
pub(super) struct Revision {
    /// 40 hexadecimal digits.
    pub(super) commit: String,
    pub(super) files: Vec<Entry>,
}

/// A file as the hub lists it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) bytes: Option<u64>,
    pub(super) digest: Option<Digest>,
}

#[derive(Deserialize)]
struct ModelInfo {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(alias = "oid")]
    sha256: Option<String>,
    size: Option<u64>,
}

impl Hub {
    /// The hub at `endpoint`, a URL without path.
    pub(super) fn new(endpoint: &str, patience: Patience) -> Self {
        let config = Config::builder()
            .https_only(endpoint.starts_with("https:")) // holds for redirections too
            .http_status_as_error(false)
            .user_agent(concat!("xdna/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.answer))
            .timeout_connect(Some(patience.answer))
            .timeout_recv_response(Some(patience.answer))
            .timeout_per_read(Some(patience.stall))
            .build();
        Self {
            agent: config.new_agent(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            patience,
        }
    }

    /// What `revision` of `repository` is and holds.
    pub(super) fn revision(&self, repository: &str, revision: &str) -> Result<Revision> {
        let path = format!(
            "/api/models/{repository}/revision/{}?blobs=true",
            escape(revision)
        );
        let mut response = self.patiently(&path)?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => bail!("{} has no public repository {repository}", self.endpoint),
            404 => bail!("{} has no revision {revision} of {repository}", self.endpoint),
            status => bail!("{}{path}: HTTP status {status}", self.endpoint),
        }
        let body = response
            .body_mut()
            .read_to_string()
            .map_err(|e| self.unreachable(&e))?;
        let no_answer = || format!("{}{path}: not the hub's answer", self.endpoint);
        let info: ModelInfo = serde_json::from_str(&body).with_context(no_answer)?;
        if !matches!(Digest::parse(&info.sha), Some(Digest::GitSha1(_))) {
            bail!("{}{path}: {:?} is no commit", self.endpoint, info.sha);
        }
        let entry = |s: Sibling| {
            let (sha256, lfs_size) = s.lfs.map_or((None, None), |lfs| (lfs.sha256, lfs.size));
            let stated = sha256.or(s.blob_id);
            Entry {
                name: s.rfilename,
                bytes: lfs_size.or(s.size),
                digest: stated.and_then(|d| Digest::parse(&d)),
            }
        };
        Ok(Revision {
            commit: info.sha,
            files: info.siblings.into_iter().map(entry).collect(),
        })
    }

    /// Asks for a file, from byte `start` on.
    pub(super) fn file(
        &self,
        repository: &str,
        commit: &str,
        name: &str,
        start: u64,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self
            .agent
            .get(format!("{}/{repository}/resolve/{commit}/{name}", self.endpoint));
        if start == 0 {
            request.call()
        } else {
            request.header("Range", format!("bytes={start}-")).call()
        }
    }

    /// Asks again while the hub is busy or does not answer; a hub that cannot be reached at all is an error at once.
    fn patiently(&self, path: &str) -> Result<Response<Body>> {
        for n in 1.. {
            let answer = self.agent.get(format!("{}{path}", self.endpoint)).call();
            let reason = match answer {
                Ok(response) if !is_busy(response.status().as_u16()) => return Ok(response),
                Ok(response) => format!("HTTP status {}", response.status()),
                Err(e) if is_unreachable(&e) => return Err(self.unreachable(&e)),
                Err(e) => e.to_string(),
            };
            if n == self.patience.failures {
                bail!("{}: {reason}", self.endpoint);
            }
            log::warn!("{}: {reason}; trying again", self.endpoint);
            thread::sleep(self.patience.pause(n));
        }
        bail!("{}: no answer", self.endpoint)
    }

    fn unreachable(&self, error: &ureq::Error) -> anyhow::Error {
        anyhow::anyhow!(
            "{} cannot be reached ({error}): is there a network?",
            self.endpoint
        )
    }
}

/// Too many requests, or the server's own trouble.
pub(super) fn is_busy(status: u16) -> bool {
    status == 408 || status == 429 || status >= 500
}

/// How long a busy server asks to be left alone, a minute at most.
pub(super) fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response
        .headers()
        .get("Retry-After")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(Duration::from_secs(60)))
}

/// Failures before a connection stands, which waiting a few seconds does not mend.
fn is_unreachable(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => true,
        ureq::Error::Timeout(phase) => matches!(phase, ureq::Timeout::Resolve | ureq::Timeout::Connect),
        // A name that cannot be looked up has no kind of its own.
        ureq::Error::Io(e) => !matches!(
            e.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::TimedOut
        ),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => true,
        _ => false,
    }
}

/// Percent-encodes everything but unreserved characters.
fn escape(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| {
            if unreserved(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_one_segment_of_the_path() {
        assert_eq!(escape("refs/pr/1?x=é"), "refs%2Fpr%2F1%3Fx%3D%C3%A9");
        assert_eq!(escape("v1.0_a-b~"), "v1.0_a-b~");
    }
}
