//! Which columns a context gets.

use nix::errno::Errno;

use crate::profile::{Device, Profile, Rule, Rules};

/// Columns shared by one or more contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Partition {
    start: u32,
    width: u32,
    sharers: u32,
}

/// The array's columns, divided.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    partitions: Vec<Partition>,
}

/// What a context was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// First column.
    pub start: u32,
    /// Columns.
    pub width: u32,
}

impl Columns {
    /// Columns for a request of `width`, which lies in 1 to the device's columns.
    ///
    /// # Errors
    /// `EINVAL` if no start column exists, `ENODEV` if all are taken by other widths.
    pub fn take(&mut self, profile: &Profile, rules: &Rules, width: u32) -> Result<Given, Errno> {
        let total = profile.device.columns();
        let (starts, width) = if profile.temporal_only() {
            (vec![0], total)
        } else {
            (candidates(profile.device, width), width)
        };
        let first = *starts.first().ok_or(Errno::EINVAL)?;
        let free = |start: u32| {
            !self
                .partitions
                .iter()
                .any(|p| p.start < start + width && start < p.start + p.width)
        };
        if let Some(&start) = starts.iter().find(|&&s| free(s)) {
            self.partitions.push(Partition {
                start,
                width,
                sharers: 1,
            });
            return Ok(Given { start, width });
        }
        let same = self
            .partitions
            .iter_mut()
            .filter(|p| p.width == width && starts.contains(&p.start));
        match same.reduce(|best, p| if p.sharers < best.sharers { p } else { best }) {
            Some(shared) => {
                shared.sharers += 1;
                Ok(Given {
                    start: shared.start,
                    width,
                })
            }
            None if rules.on(Rule::ColumnCollision) => Err(Errno::ENODEV),
            None => {
                self.partitions.push(Partition {
                    start: first,
                    width,
                    sharers: 1,
                });
                Ok(Given { start: first, width })
            }
        }
    }

    /// Gives columns back.
    pub fn put(&mut self, given: Given) {
        let is = |p: &Partition| (p.start, p.width) == (given.start, given.width);
        if let Some(i) = self.partitions.iter().position(is) {
            self.partitions[i].sharers -= 1;
            if self.partitions[i].sharers == 0 {
                self.partitions.remove(i);
            }
        }
    }
}

/// The columns a partition of `width` may start at.
fn candidates(device: Device, width: u32) -> Vec<u32> {
    let (first, align) = match device {
        Device::Npu1 if width == device.columns() => (0, 1),
        Device::Npu1 => (device.first_column(), 1),
        _ => (0, width),
    };
    (first..device.columns())
        .filter(|s| s.is_multiple_of(align) && s + width <= device.columns())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{AddressMode, Kernel};

    fn profile(device: Device, kernel: Kernel) -> Profile {
        Profile::new(device, kernel, None, AddressMode::Sva).unwrap()
    }

    #[test]
    fn npu1_shares_equal_widths_and_refuses_others() {
        let (p, r) = (profile(Device::Npu1, Kernel::V7_3), Rules::default());
        let mut c = Columns::default();
        assert_eq!(c.take(&p, &r, 4), Ok(Given { start: 1, width: 4 }));
        assert_eq!(c.take(&p, &r, 4), Ok(Given { start: 1, width: 4 }));
        for width in 1..4 {
            assert_eq!(c.take(&p, &r, width), Err(Errno::ENODEV));
        }
        assert_eq!(c.take(&p, &r, 5), Err(Errno::ENODEV));
    }

    #[test]
    fn npu4_aligns_starts_to_the_width_and_shares_evenly() {
        let (p, r) = (profile(Device::Npu4, Kernel::V6_18), Rules::default());
        let mut c = Columns::default();
        let starts: Vec<u32> = (0..5).map(|_| c.take(&p, &r, 2).unwrap().start).collect();
        assert_eq!(starts, [0, 2, 4, 6, 0]);
        c.put(Given { start: 4, width: 2 });
        assert_eq!(c.take(&p, &r, 1), Ok(Given { start: 4, width: 1 }));
        assert_eq!(c.take(&p, &r, 2), Ok(Given { start: 2, width: 2 }));
    }

    #[test]
    fn temporal_only_gives_everything_to_everyone() {
        let (p, r) = (profile(Device::Npu4, Kernel::V7_3), Rules::default());
        let mut c = Columns::default();
        for width in [1, 8, 3] {
            assert_eq!(c.take(&p, &r, width), Ok(Given { start: 0, width: 8 }));
        }
    }
}
