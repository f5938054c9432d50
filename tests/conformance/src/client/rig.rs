//! Everything a command needs: heap, context, one compute unit, control code and a packet's buffer object.

use xdna_uapi::*;

use super::{
    CMD, Client, Context, DEV, EMPTY_TRANSACTION, FOR_SUBMIT, Heap, Mapped, Packet, State, empty_pdi, in_ms,
    words,
};
use crate::check::{Fail, Outcome};
use crate::env::Env;

/// How long a command may take, in milliseconds: above the 60 s that drivers to 7.1 give a hanging one.
const PATIENCE_MS: i64 = 90_000;

/// A client ready to submit.
#[derive(Debug)]
pub struct Rig {
    /// The client.
    pub client: Client,
    /// Its heap.
    pub heap: Heap,
    /// Its context.
    pub context: Context,
    /// DEV buffer object of the empty PDI.
    pub pdi: u32,
    /// DEV buffer object of the empty control code.
    pub code: u32,
    /// Device address of the control code.
    pub code_addr: u64,
    /// CMD buffer object of 4096 bytes.
    pub packet: Mapped,
}

impl Rig {
    /// A context of one column with one compute unit.
    pub fn new(env: &Env) -> Result<Self, Fail> {
        let rig = Self::unconfigured(env)?;
        rig.client.config_cu(rig.context.handle, &[(rig.pdi, 0)])?;
        Ok(rig)
    }

    /// The same, if commands may be handed to the firmware.
    pub fn to_run(env: &Env) -> Result<Self, Fail> {
        env.may_run()?;
        Self::new(env)
    }

    /// The same with `packet` in its buffer object.
    pub fn holding(env: &Env, packet: &Packet) -> Result<Self, Fail> {
        let rig = Self::new(env)?;
        rig.packet.area.write_words(0, &packet.0);
        Ok(rig)
    }

    /// The same without CONFIG_CU.
    pub fn unconfigured(env: &Env) -> Result<Self, Fail> {
        let client = Client::open(env)?;
        let heap = client.heap()?;
        let context = client.context(1)?;
        let (pdi, _) = loaded(&client, &heap, &empty_pdi())?;
        let transaction: Vec<_> = EMPTY_TRANSACTION
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let (code, code_addr) = loaded(&client, &heap, &transaction)?;
        let packet = client.mapped(CMD, 4096)?;
        Ok(Self {
            client,
            heap,
            context,
            pdi,
            code,
            code_addr,
            packet,
        })
    }

    /// A START_CU packet that runs the empty control code and carries `payload` words altogether (at least 5).
    pub fn empty_run(&self, payload: usize) -> Packet {
        let size = EMPTY_TRANSACTION.len() as u32;
        let mut regmap = vec![3, 0, self.code_addr as u32, (self.code_addr >> 32) as u32, size];
        regmap.resize(payload.max(regmap.len()), 0);
        Packet::start_cu(&regmap)
    }

    /// A START_CU packet that runs `code`, a transaction, from a DEV buffer object of its own.
    pub fn code_packet(&self, code: &[u32]) -> Result<Packet, Fail> {
        let bytes: Vec<_> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (_, addr) = loaded(&self.client, &self.heap, &bytes)?;
        Ok(Packet::start_cu(&[
            3,
            0,
            addr as u32,
            (addr >> 32) as u32,
            code.len() as u32,
        ]))
    }

    /// A START_NPU packet that runs the empty control code with `args` argument words.
    pub fn empty_npu(&self, args: usize) -> Packet {
        Packet::start_npu(self.code_addr, 4 * EMPTY_TRANSACTION.len() as u32, &vec![0; args])
    }

    /// A START_NPU_PREEMPT packet that runs the empty control code with `args` argument words.
    pub fn empty_preempt(&self, args: usize) -> Packet {
        Packet::preempt(self.code_addr, 4 * EMPTY_TRANSACTION.len() as u32, &vec![0; args])
    }

    /// Another CMD buffer object that holds `packet`.
    pub fn another(&self, packet: &Packet) -> Result<Mapped, Fail> {
        let bo = self.client.mapped(CMD, 4096)?;
        bo.area.write_words(0, &packet.0);
        Ok(bo)
    }

    /// An EXEC_CMD argument for buffer object `cmd`.
    pub fn exec_arg(&self, cmd: u32) -> amdxdna_drm_exec_cmd {
        amdxdna_drm_exec_cmd {
            hwctx: self.context.handle,
            type_: AMDXDNA_CMD_SUBMIT_EXEC_BUF,
            cmd_handles: cmd.into(),
            cmd_count: 1,
            ..Default::default()
        }
    }

    /// EXEC_CMD as given; the sequence number.
    pub fn exec_with(&self, mut arg: amdxdna_drm_exec_cmd) -> Result<u64, Fail> {
        self.client.call(request::DRM_IOCTL_AMDXDNA_EXEC_CMD, &mut arg)?;
        Ok(arg.seq)
    }

    /// Submits buffer object `cmd` with these arguments.
    pub fn exec(&self, cmd: u32, args: &[u32]) -> Result<u64, Fail> {
        let list = words(args)?;
        self.exec_with(amdxdna_drm_exec_cmd {
            args: list.addr(),
            arg_count: args.len() as u32,
            ..self.exec_arg(cmd)
        })
    }

    /// Writes `packet` and submits it with the control code as its argument.
    pub fn submit(&self, packet: &Packet) -> Result<u64, Fail> {
        self.packet.area.write_words(0, &packet.0);
        self.exec(self.packet.handle, &[self.code])
    }

    /// Submits the packet as it lies there.
    pub fn exec_again(&self) -> Result<u64, Fail> {
        self.exec(self.packet.handle, &[self.code])
    }

    /// Waits for the fence of `seq`.
    pub fn wait(&self, seq: u64) -> Result<(), Fail> {
        self.client
            .timeline_wait(&[(self.context.syncobj, seq)], in_ms(PATIENCE_MS), FOR_SUBMIT)
            .map(drop)
    }

    /// The state that the packet reads now.
    pub fn state(&self) -> State {
        State(self.packet.area.word(0) & 0xf)
    }

    /// Submits `packet`, waits, and tells the packet's state.
    pub fn end_of(&self, packet: &Packet) -> Outcome {
        let seq = self.submit(packet)?;
        self.wait(seq)?;
        Ok(self.state().to_string())
    }
}

/// A DEV buffer object that holds `bytes`, flushed, and its device address.
fn loaded(client: &Client, heap: &Heap, bytes: &[u8]) -> Result<(u32, u64), Fail> {
    let handle = client.create_bo(DEV, bytes.len() as u64)?;
    let info = client.bo_info(handle)?;
    let at = heap.offset_of(info.xdna_addr)?;
    heap.area.write(at, bytes);
    heap.area.flush(at, bytes.len());
    Ok((handle, info.xdna_addr))
}
