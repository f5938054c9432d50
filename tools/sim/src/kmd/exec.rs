//! EXEC_CMD.

use std::collections::BTreeSet;
use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::bo::{Bo, Kind};
use super::caller::{Caller, read_user_vec};
use super::client::ClientId;
use super::fence::Fence;
use super::job::{Job, Stage};
use super::syncobj::Syncobj;
use super::{Kmd, Outcome, Park};
use crate::profile::{Kernel, Level, Rule};

const CMD_MAX: u64 = 32 << 10;

/// A submission that passed its checks and needs a slot of its context.
#[derive(Debug)]
pub struct Prepared {
    handle: u32,
    /// The packet; none of a submission that only waits.
    command: Option<Rc<Bo>>,
    args: Vec<Rc<Bo>>,
    duplicate: bool,
    /// Points it waits for first.
    waits: Vec<(Rc<Syncobj>, u64)>,
}

impl Prepared {
    /// A submission that does nothing but wait.
    pub fn wait(handle: u32, waits: Vec<(Rc<Syncobj>, u64)>) -> Self {
        Self {
            handle,
            command: None,
            args: Vec::new(),
            duplicate: false,
            waits,
        }
    }
}

impl Kmd {
    pub(super) fn exec_cmd(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_exec_cmd,
    ) -> Result<Outcome, Errno> {
        let kernel = self.profile.kernel;
        self.deny(Rule::ExtZero, arg.ext != 0 || arg.ext_flags != 0, Errno::EINVAL)?;
        match arg.type_ {
            uapi::AMDXDNA_CMD_SUBMIT_DEPENDENCY if kernel == Kernel::Oot => {
                return self.submit_dependency(id, caller, arg);
            }
            uapi::AMDXDNA_CMD_SUBMIT_SIGNAL if kernel == Kernel::Oot => return self.submit_signal(id, arg),
            _ => {}
        }
        self.deny(
            Rule::ExecType,
            arg.type_ != uapi::AMDXDNA_CMD_SUBMIT_EXEC_BUF,
            Errno::EINVAL,
        )?;
        let no_args = arg.arg_count == 0 && kernel == Kernel::V6_14;
        let counts = arg.cmd_count != 1 || arg.arg_count > uapi::MAX_EXEC_ARGS || no_args;
        self.deny(Rule::ExecCounts, counts, Errno::EINVAL)?;
        let handles: Vec<u32> = match arg.arg_count {
            0 => Vec::new(),
            n => read_user_vec(&*caller.memory(), arg.args, n.min(1 << 16) as usize)?,
        };
        let client = self.client(id)?;
        let command = u32::try_from(arg.cmd_handles)
            .ok()
            .and_then(|h| client.bos.get(h))
            .cloned();
        let command = command.ok_or(Errno::EINVAL)?;
        let takes_share = kernel.level() >= Level::L8;
        let is_command = command.kind == Kind::Cmd || (takes_share && command.kind == Kind::Share);
        self.deny(Rule::ExecBoType, !is_command, Errno::EINVAL)?;
        let too_large = kernel == Kernel::V7_0 && command.size > CMD_MAX;
        self.deny(Rule::CmdSize, too_large, Errno::EINVAL)?;
        let client = self.client(id)?;
        let args = handles
            .iter()
            .map(|&h| client.bo(h).cloned())
            .collect::<Result<Vec<_>, _>>()?;
        let context = client.contexts.get(&arg.hwctx).ok_or(Errno::EINVAL)?;
        let unconfigured = context.cus.is_none() && kernel <= Kernel::V6_18;
        self.deny(Rule::ExecConfigured, unconfigured, Errno::EINVAL)?;
        let unique: BTreeSet<u32> = handles.iter().copied().collect();
        let duplicate = unique.len() != handles.len();
        let prepared = Prepared {
            handle: arg.hwctx,
            command: Some(command),
            args,
            duplicate,
            waits: Vec::new(),
        };
        self.submit(id, prepared, arg)
    }

    /// Takes a slot for `prepared`, or waits for one.
    pub(super) fn submit(
        &mut self,
        id: ClientId,
        prepared: Prepared,
        arg: &mut uapi::amdxdna_drm_exec_cmd,
    ) -> Result<Outcome, Errno> {
        let (depth, now, kernel) = (self.depth(), self.now, self.profile.kernel);
        let handle = prepared.handle;
        if self.context(id, handle)?.jobs.len() >= depth {
            return Ok(Outcome::Park(Park::Slot { prepared }));
        }
        self.deny(Rule::ExecDuplicate, prepared.duplicate, Errno::EALREADY)?;
        let powered = self.power_up(id);
        let stage = match powered {
            // The job is created all the same, and fails.
            Err(_) if kernel == Kernel::V6_19 => Stage::Rejected,
            Err(e) => return Err(e),
            Ok(_) if prepared.command.is_none() => Stage::Waiting(prepared.waits),
            Ok(_) => Stage::Queued,
        };
        let delay = powered.unwrap_or(now);
        let context = self.context(id, handle)?;
        let seq = context.next_seq;
        context.next_seq += 1;
        context.submissions += 1;
        let fence = Fence::new();
        context.syncobj.add_point(fence.clone(), seq);
        let Prepared { command, args, .. } = prepared;
        context.jobs.push_back(Job {
            seq,
            command,
            _args: args,
            fence,
            stage,
            since: now,
        });
        arg.seq = seq;
        Ok(self.after(delay))
    }

    /// Commands a context may have in flight.
    fn depth(&self) -> usize {
        if self.rules.on(Rule::ExecDepth) {
            uapi::MAX_IN_FLIGHT
        } else {
            usize::MAX
        }
    }
}
