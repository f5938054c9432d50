//! Whose contexts a caller may see.

use crate::kmd::caller::Caller;
use crate::kmd::client::Client;

/// True if `caller` may see the contexts of `client`: its own user's, or all with CAP_SYS_ADMIN.
pub fn sees(caller: &dyn Caller, client: &Client) -> bool {
    caller.is_admin() || user_of(caller.thread()).is_some_and(|user| user_of(client.pid) == Some(user))
}

/// The real user of a process or thread, as our own user namespace numbers it.
fn user_of(thread: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_proc() {
        let me = nix::unistd::getuid().as_raw();
        assert_eq!(user_of(std::process::id() as i32), Some(me));
        assert_eq!(user_of(-1), None);
    }
}
