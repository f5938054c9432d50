//! From a request number to a handler and back: what is copied in, what is copied out.

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::request;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::caller::Caller;
use super::client::ClientId;
use super::park::Park;
use super::{Kmd, Outcome};
use crate::fault::Effect;
use crate::profile::{Kernel, Rule};

/// Value or errno of a finished system call.
pub type Answer = Result<i64, Errno>;

/// What a system call came to.
#[derive(Debug)]
pub enum Step {
    /// It is finished.
    Done(Answer),
    /// It waits.
    Parked(Pending),
}

/// A call that waits.
#[derive(Debug)]
pub struct Pending {
    client: ClientId,
    call: Call,
    park: Park,
}

impl Pending {
    /// When it ends even if nothing happens, in nanoseconds of CLOCK_MONOTONIC.
    pub fn deadline(&self) -> Option<u64> {
        self.park.deadline()
    }

    /// True if a signal ends it.
    pub fn is_interruptible(&self) -> bool {
        self.park.is_interruptible()
    }
}

#[derive(Debug)]
struct Call {
    ioctl: &'static Ioctl,
    address: u64,
    arg: Vec<u8>,
    out: usize,
    /// The struct as it came, and what lay behind its pointers, for the trace.
    input: Option<(String, Vec<String>)>,
}

type Handler = fn(&mut Kmd, ClientId, &dyn Caller, &mut [u8]) -> Result<Outcome, Errno>;

/// One ioctl of the table.
#[derive(Clone, Copy, Debug)]
struct Ioctl {
    name: &'static str,
    request: u32,
    handler: Handler,
    decode: fn(&[u8]) -> String,
    root_only: bool,
    since: Kernel,
}

/// The struct in `arg`, whose size was fixed by the table.
pub(super) fn load<T: FromBytes + IntoBytes>(arg: &[u8]) -> T {
    let mut value = T::new_zeroed();
    let bytes = value.as_mut_bytes();
    let len = bytes.len().min(arg.len());
    bytes[..len].copy_from_slice(&arg[..len]);
    value
}

/// Puts the struct back.
pub(super) fn save<T: IntoBytes + Immutable>(arg: &mut [u8], value: &T) {
    let bytes = value.as_bytes();
    let len = bytes.len().min(arg.len());
    arg[..len].copy_from_slice(&bytes[..len]);
}

/// A handler of the form `|kmd, client, caller, struct|` that answers an [`Outcome`] or nothing.
macro_rules! handler {
    ($type:ty, $kmd:ident, $id:ident, $caller:ident, $arg:ident => $call:expr) => {
        |$kmd, $id, $caller, bytes| {
            let _ = ($id, $caller);
            let mut value = load::<$type>(bytes);
            let $arg = &mut value;
            let result = $call;
            save(bytes, &value);
            result.map(Into::into)
        }
    };
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done(0)
    }
}

macro_rules! table {
    ($($name:ident($type:ty) = $request:ident, $root:literal, $since:ident, |$kmd:ident, $id:ident, $caller:ident, $arg:ident| $call:expr;)*) => {
        /// Names of the modelled ioctls, as fault scripts and traces write them.
        pub const IOCTL_NAMES: &[&str] = &[$(stringify!($name)),*];

        const TABLE: &[Ioctl] = &[$(Ioctl {
            name: stringify!($name),
            request: request::$request,
            handler: handler!($type, $kmd, $id, $caller, $arg => $call),
            decode: |bytes| format!("{:?}", load::<$type>(bytes)),
            root_only: $root,
            since: Kernel::$since,
        }),*];
    };
}

table! {
    version(uapi::VersionWire) = DRM_IOCTL_VERSION, false, V6_14, |k, id, c, a| k.version(c, a);
    gem_close(uapi::drm_gem_close) = DRM_IOCTL_GEM_CLOSE, false, V6_14, |k, id, c, a| k.gem_close(id, a);
    get_cap(uapi::drm_get_cap) = DRM_IOCTL_GET_CAP, false, V6_14, |k, id, c, a| k.get_cap(a);
    prime_handle_to_fd(uapi::drm_prime_handle) = DRM_IOCTL_PRIME_HANDLE_TO_FD, false, V6_14, |k, id, c, a| k.prime_handle_to_fd(id, c, a);
    prime_fd_to_handle(uapi::drm_prime_handle) = DRM_IOCTL_PRIME_FD_TO_HANDLE, false, V6_14, |k, id, c, a| k.prime_fd_to_handle(id, c, a);
    syncobj_create(uapi::drm_syncobj_create) = DRM_IOCTL_SYNCOBJ_CREATE, false, V6_14, |k, id, c, a| k.syncobj_create(id, a);
    syncobj_destroy(uapi::drm_syncobj_destroy) = DRM_IOCTL_SYNCOBJ_DESTROY, false, V6_14, |k, id, c, a| k.syncobj_destroy(id, a);
    syncobj_handle_to_fd(uapi::drm_syncobj_handle) = DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, false, V6_14, |k, id, c, a| k.syncobj_handle_to_fd(id, c, a);
    syncobj_fd_to_handle(uapi::drm_syncobj_handle) = DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, false, V6_14, |k, id, c, a| k.syncobj_fd_to_handle(id, c, a);
    syncobj_wait(uapi::drm_syncobj_wait) = DRM_IOCTL_SYNCOBJ_WAIT, false, V6_14, |k, id, c, a| k.syncobj_wait(id, c, a);
    syncobj_reset(uapi::drm_syncobj_array) = DRM_IOCTL_SYNCOBJ_RESET, false, V6_14, |k, id, c, a| k.syncobj_replace(id, c, a, false);
    syncobj_signal(uapi::drm_syncobj_array) = DRM_IOCTL_SYNCOBJ_SIGNAL, false, V6_14, |k, id, c, a| k.syncobj_replace(id, c, a, true);
    syncobj_timeline_wait(uapi::drm_syncobj_timeline_wait) = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, false, V6_14, |k, id, c, a| k.syncobj_timeline_wait(id, c, a);
    syncobj_query(uapi::drm_syncobj_timeline_array) = DRM_IOCTL_SYNCOBJ_QUERY, false, V6_14, |k, id, c, a| k.syncobj_query(id, c, a);
    syncobj_transfer(uapi::drm_syncobj_transfer) = DRM_IOCTL_SYNCOBJ_TRANSFER, false, V6_14, |k, id, c, a| k.syncobj_transfer(id, a);
    syncobj_timeline_signal(uapi::drm_syncobj_timeline_array) = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, false, V6_14, |k, id, c, a| k.syncobj_timeline_signal(id, c, a);
    syncobj_eventfd(uapi::drm_syncobj_eventfd) = DRM_IOCTL_SYNCOBJ_EVENTFD, false, V6_14, |k, id, c, a| k.syncobj_eventfd(id, c, a);
    create_hwctx(uapi::amdxdna_drm_create_hwctx) = DRM_IOCTL_AMDXDNA_CREATE_HWCTX, false, V6_14, |k, id, c, a| k.create_hwctx(id, c, a);
    destroy_hwctx(uapi::amdxdna_drm_destroy_hwctx) = DRM_IOCTL_AMDXDNA_DESTROY_HWCTX, false, V6_14, |k, id, c, a| k.destroy_hwctx(id, a);
    config_hwctx(uapi::amdxdna_drm_config_hwctx) = DRM_IOCTL_AMDXDNA_CONFIG_HWCTX, false, V6_14, |k, id, c, a| k.config_hwctx(id, c, a);
    create_bo(uapi::amdxdna_drm_create_bo) = DRM_IOCTL_AMDXDNA_CREATE_BO, false, V6_14, |k, id, c, a| k.create_bo(id, c, a);
    get_bo_info(uapi::amdxdna_drm_get_bo_info) = DRM_IOCTL_AMDXDNA_GET_BO_INFO, false, V6_14, |k, id, c, a| k.get_bo_info(id, c, a);
    sync_bo(uapi::amdxdna_drm_sync_bo) = DRM_IOCTL_AMDXDNA_SYNC_BO, false, V6_14, |k, id, c, a| k.sync_bo(id, a);
    exec_cmd(uapi::amdxdna_drm_exec_cmd) = DRM_IOCTL_AMDXDNA_EXEC_CMD, false, V6_14, |k, id, c, a| k.exec_cmd(id, c, a);
    get_info(uapi::amdxdna_drm_get_info) = DRM_IOCTL_AMDXDNA_GET_INFO, false, V6_14, |k, id, c, a| k.get_info(id, c, a);
    set_state(uapi::amdxdna_drm_set_state) = DRM_IOCTL_AMDXDNA_SET_STATE, true, V6_14, |k, id, c, a| k.set_state(id, c, a);
    wait_cmd(uapi::amdxdna_drm_wait_cmd) = DRM_IOCTL_AMDXDNA_WAIT_CMD, false, V7_2, |k, id, c, a| k.wait_cmd(id, a);
    get_array(uapi::amdxdna_drm_get_array) = DRM_IOCTL_AMDXDNA_GET_ARRAY, false, V6_18, |k, id, c, a| k.get_array(id, c, a);
}

impl Kmd {
    /// An ioctl of type `'d'` on the node's descriptor.
    pub fn ioctl(&mut self, id: ClientId, caller: &dyn Caller, request: u32, address: u64) -> Step {
        let known = TABLE
            .iter()
            .find(|i| request::number(i.request) == request::number(request));
        let known = known.filter(|i| self.profile.kernel >= i.since || !self.rules.on(Rule::IoctlSince));
        if self.unplugged {
            return Step::Done(Err(Errno::ENODEV));
        }
        let Some(ioctl) = known else {
            return Step::Done(Err(Errno::EINVAL));
        };
        let given = request::size(request);
        let both = request & ioctl.request;
        let size = request::size(ioctl.request).max(given);
        let mut call = Call {
            ioctl,
            address,
            arg: vec![0; size],
            out: 0,
            input: None,
        };
        if request::copies_in(both) && caller.memory().read(address, &mut call.arg[..given]).is_err() {
            return Step::Done(self.refused(id, caller, request, Errno::EFAULT));
        }
        call.input = self.trace.is_on().then(|| {
            let behind = self.behind_input(id, ioctl.request, &call.arg, &*caller.memory());
            ((ioctl.decode)(&call.arg), behind)
        });
        if request::copies_out(both) {
            call.out = given;
        }
        let result = self.guarded(ioctl, id, caller, &mut call.arg);
        self.finish(id, caller, call, result)
    }

    fn guarded(
        &mut self,
        ioctl: &Ioctl,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut [u8],
    ) -> Result<Outcome, Errno> {
        self.deny(
            Rule::RootOnly,
            ioctl.root_only && !caller.is_admin(),
            Errno::EACCES,
        )?;
        self.settle(id)?;
        match self.faults.ioctl(ioctl.name) {
            Some(Effect::Errno(e)) => return Err(e),
            Some(Effect::Mishap(mishap)) => self.mishap(mishap)?,
            _ => {}
        }
        (ioctl.handler)(self, id, caller, arg)
    }

    /// Looks again at a call that waits; time has passed, or something happened.
    pub fn resume(&mut self, caller: &dyn Caller, pending: Pending) -> Step {
        let Pending {
            client,
            mut call,
            park,
        } = pending;
        let result = if self.unplugged {
            Err(Errno::ENODEV)
        } else {
            self.reconsider(client, caller, park, &mut call.arg)
        };
        self.finish(client, caller, call, result)
    }

    /// Copies out, whatever the handler said, unless the call waits on.
    fn finish(
        &mut self,
        client: ClientId,
        caller: &dyn Caller,
        call: Call,
        result: Result<Outcome, Errno>,
    ) -> Step {
        let answer = match result {
            Ok(Outcome::Park(park)) => return Step::Parked(Pending { client, call, park }),
            Ok(Outcome::Done(value)) => Ok(value),
            Err(e) => Err(e),
        };
        let copied = caller.memory().write(call.address, &call.arg[..call.out]);
        let answer = if copied.is_err() {
            Err(Errno::EFAULT)
        } else {
            answer
        };
        if let Some((input, mut behind)) = call.input {
            let (name, mut output) = (call.ioctl.name, (call.ioctl.decode)(&call.arg));
            if answer.is_ok() {
                behind.extend(Self::behind_output(
                    call.ioctl.request,
                    &call.arg,
                    &*caller.memory(),
                ));
            }
            if !behind.is_empty() {
                output += &format!(" behind {}", behind.join("; "));
            }
            self.trace
                .call(caller.thread(), client, name, &input, &answer, &output);
        }
        Step::Done(answer)
    }

    /// A call that never reached a handler.
    fn refused(&mut self, id: ClientId, caller: &dyn Caller, request: u32, errno: Errno) -> Answer {
        if self.trace.is_on() {
            self.trace.call(
                caller.thread(),
                id,
                &format!("request {request:#010x}"),
                "",
                &Err(errno),
                "",
            );
        }
        Err(errno)
    }

    /// The caller of a waiting call saw a signal: nothing was done.
    pub fn interrupted(&mut self, caller: &dyn Caller, pending: &Pending) {
        if let Some((input, _)) = &pending.call.input {
            let (name, answer) = (pending.call.ioctl.name, Err(Errno::EINTR));
            self.trace
                .call(caller.thread(), pending.client, name, input, &answer, "");
        }
    }

    /// WAIT_CMD has a handler out of tree only.
    fn wait_cmd(&mut self, id: ClientId, arg: &uapi::amdxdna_drm_wait_cmd) -> Result<Outcome, Errno> {
        self.deny(
            Rule::WaitCmd,
            self.profile.kernel != Kernel::Oot,
            Errno::EOPNOTSUPP,
        )?;
        self.wait_for_command(id, arg)
    }
}
