//! Names of requests, for errors and logs.

use std::fmt;

/// A request to the kernel, printed by its name in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Call {
    Version,
    GetCap,
    SetClientName,
    GemClose,
    PrimeHandleToFd,
    PrimeFdToHandle,
    SyncobjCreate,
    SyncobjDestroy,
    SyncobjHandleToFd,
    SyncobjFdToHandle,
    SyncobjTimelineWait,
    SyncobjQuery,
    SyncobjTimelineSignal,
    SyncobjTransfer,
    SyncobjEventfd,
    CreateHwctx,
    DestroyHwctx,
    ConfigHwctx,
    CreateBo,
    GetBoInfo,
    SyncBo,
    ExecCmd,
    GetInfo,
    SetState,
    GetArray,
    Eventfd,
    Seek,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::Version => "VERSION",
            Call::GetCap => "GET_CAP",
            Call::SetClientName => "SET_CLIENT_NAME",
            Call::GemClose => "GEM_CLOSE",
            Call::PrimeHandleToFd => "PRIME_HANDLE_TO_FD",
            Call::PrimeFdToHandle => "PRIME_FD_TO_HANDLE",
            Call::SyncobjCreate => "SYNCOBJ_CREATE",
            Call::SyncobjDestroy => "SYNCOBJ_DESTROY",
            Call::SyncobjHandleToFd => "SYNCOBJ_HANDLE_TO_FD",
            Call::SyncobjFdToHandle => "SYNCOBJ_FD_TO_HANDLE",
            Call::SyncobjTimelineWait => "SYNCOBJ_TIMELINE_WAIT",
            Call::SyncobjQuery => "SYNCOBJ_QUERY",
            Call::SyncobjTimelineSignal => "SYNCOBJ_TIMELINE_SIGNAL",
            Call::SyncobjTransfer => "SYNCOBJ_TRANSFER",
            Call::SyncobjEventfd => "SYNCOBJ_EVENTFD",
            Call::CreateHwctx => "CREATE_HWCTX",
            Call::DestroyHwctx => "DESTROY_HWCTX",
            Call::ConfigHwctx => "CONFIG_HWCTX",
            Call::CreateBo => "CREATE_BO",
            Call::GetBoInfo => "GET_BO_INFO",
            Call::SyncBo => "SYNC_BO",
            Call::ExecCmd => "EXEC_CMD",
            Call::GetInfo => "GET_INFO",
            Call::SetState => "SET_STATE",
            Call::GetArray => "GET_ARRAY",
            Call::Eventfd => "eventfd",
            Call::Seek => "lseek",
        })
    }
}
