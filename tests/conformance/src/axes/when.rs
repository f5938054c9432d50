//! Conditions on a profile, and rules made of them.

use super::{Device, Feature, Kernel, Mode, Profile};

/// A condition on the axes.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Always.
    Any,
    /// Mainline or staging drivers up to this column.
    To(Kernel),
    /// This column and all later ones; the out-of-tree driver counts as 7.2.
    From(Kernel),
    /// This column alone.
    On(Kernel),
    /// This device.
    Is(Device),
    /// XDNA2: npu4, npu5, npu6.
    Xdna2,
    /// This address mode.
    In(Mode),
    /// The firmware has it and the kernel uses it.
    Has(Feature),
    /// The caller has CAP_SYS_ADMIN.
    Admin,
    /// `force_cmdlist` is on.
    List,
    /// The opposite.
    Not(&'static Self),
    /// Every one of them.
    All(&'static [Self]),
    /// At least one of them.
    Either(&'static [Self]),
}

impl When {
    /// True if the condition holds in `profile`.
    pub fn holds(&self, profile: &Profile) -> bool {
        match *self {
            Self::Any => true,
            Self::To(last) => profile.kernel != Kernel::Oot && profile.kernel <= last,
            Self::From(first) => profile.kernel.since(first),
            Self::On(kernel) => profile.kernel == kernel,
            Self::Is(device) => profile.device == device,
            Self::Xdna2 => profile.device != Device::Npu1,
            Self::In(mode) => profile.mode == mode,
            Self::Has(feature) => profile.has(feature),
            Self::Admin => profile.admin,
            Self::List => profile.list,
            Self::Not(other) => !other.holds(profile),
            Self::All(all) => all.iter().all(|one| one.holds(profile)),
            Self::Either(any) => any.iter().any(|one| one.holds(profile)),
        }
    }
}

/// Outcomes by condition; the first condition that holds decides. Several allowed outcomes are separated by ` | `.
pub type Rules = &'static [(When, &'static str)];

/// Every outcome that `rules` allow in any of `profiles`, in the order of the rules.
pub fn allowed(rules: Rules, profiles: &[Profile]) -> Vec<&'static str> {
    let mut used = vec![false; rules.len()];
    for profile in profiles {
        if let Some(first) = rules.iter().position(|(when, _)| when.holds(profile)) {
            used[first] = true;
        }
    }
    let mut outcomes = Vec::new();
    for ((_, texts), _) in rules.iter().zip(used).filter(|(_, used)| *used) {
        for text in texts.split(" | ") {
            if !outcomes.contains(&text) {
                outcomes.push(text);
            }
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = &[
        (When::To(Kernel::V7_1), "EINVAL"),
        (When::Xdna2, "EAGAIN"),
        (When::Any, "ok | EINVAL"),
    ];

    #[test]
    fn the_first_rule_that_holds_decides() {
        let all = Profile::all();
        let on = |kernel| all.iter().copied().filter(move |p| p.kernel == kernel);
        assert_eq!(allowed(RULES, &on(Kernel::V7_1).collect::<Vec<_>>()), ["EINVAL"]);
        let strix: Vec<_> = on(Kernel::V7_2).filter(|p| p.device == Device::Npu4).collect();
        assert_eq!(allowed(RULES, &strix), ["EAGAIN"]);
    }

    #[test]
    fn an_unknown_axis_allows_every_outcome_it_can_lead_to() {
        assert_eq!(allowed(RULES, &Profile::all()), ["EINVAL", "EAGAIN", "ok"]);
    }

    #[test]
    fn the_out_of_tree_driver_is_later_than_7_1_and_earlier_than_nothing() {
        let oot: Vec<_> = Profile::all()
            .into_iter()
            .filter(|p| p.kernel == Kernel::Oot)
            .collect();
        assert!(
            oot.iter()
                .all(|p| When::From(Kernel::V7_2).holds(p) && !When::From(Kernel::V7_3).holds(p))
        );
        assert!(oot.iter().all(|p| !When::To(Kernel::Staging).holds(p)));
    }
}
