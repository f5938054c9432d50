/// A struct that ends in the kernel's flexible array member, with `N` elements behind it.
///
/// The one way this project passes such structs: `head` holds the fixed fields (and a zero-sized array), `tail`
/// the elements. The constructor refuses, at compile time, heads whose size is not where the elements begin.
#[derive(Debug)]
#[repr(C)]
pub struct Flexible<H, T, const N: usize> {
    /// The fixed fields.
    pub head: H,
    /// The elements.
    pub tail: [T; N],
}

impl<H, T, const N: usize> Flexible<H, T, N> {
    const CONTIGUOUS: () = {
        assert!(core::mem::offset_of!(Self, tail) == size_of::<H>());
        assert!(size_of::<Self>() == size_of::<H>() + N * size_of::<T>());
    };

    /// Bytes of the fixed fields and the first `n` elements.
    pub const fn size_with(n: usize) -> usize {
        size_of::<H>() + n * size_of::<T>()
    }

    /// `head` followed by `tail`.
    pub const fn new(head: H, tail: [T; N]) -> Self {
        let () = Self::CONTIGUOUS;
        Self { head, tail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    #[test]
    fn elements_follow_the_head_without_a_gap() {
        let cus = Flexible::<_, _, 2>::new(
            amdxdna_hwctx_param_config_cu {
                num_cus: 2,
                ..Default::default()
            },
            [amdxdna_cu_config::default(); 2],
        );
        assert_eq!(size_of_val(&cus), 24);
        assert_eq!(
            Flexible::<amdxdna_hwctx_param_config_cu, amdxdna_cu_config, 32>::size_with(32),
            264
        );
        assert_eq!(
            Flexible::<amdxdna_drm_va_tbl, amdxdna_drm_va_entry, 1>::size_with(1),
            24
        );
    }
}
