//! What decoding asks of a row of logits.
use crate::{
    Isa,
    arch::{Arch, Portable},
    kernel::reduce::{Largest, SumExp},
};

fn arch() -> Arch {
    Arch::of(Isa::detect()).unwrap_or(Arch::Portable(Portable))
}

/// The largest of `values`; negative infinity for none.
pub fn largest(values: &[f32]) -> f32 {
    arch().run(Largest(values))
}

/// The natural logarithm of the sum of e^v over `values`; negative infinity for none, or where all are that.
pub fn log_sum_exp(values: &[f32]) -> f32 {
    let largest = largest(values);
    if largest == f32::NEG_INFINITY {
        return largest;
    }
    largest + arch().run(SumExp { values, largest }).ln()
}

/// The index of the largest of `values`, the first of equals; 0 where none is larger than negative infinity.
pub fn argmax(values: &[f32]) -> usize {
    let largest = largest(values);
    values.iter().position(|v| *v == largest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_sums_are_those_of_double_precision() {
        for n in [1usize, 15, 16, 33, 51_865] {
            let values: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1000) as f32 / 50.0 - 10.0).collect();
            let exact = values.iter().map(|v| f64::from(*v).exp()).sum::<f64>().ln();
            assert!(
                (f64::from(log_sum_exp(&values)) - exact).abs() < 1e-5,
                "{n}: {exact}"
            );
        }
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 20]), f32::NEG_INFINITY);
        let mut masked = [f32::NEG_INFINITY; 40];
        masked[17] = -3.0;
        assert_eq!(log_sum_exp(&masked), -3.0);
    }

    #[test]
    fn the_first_of_the_largest_is_found() {
        let mut values = vec![0.0f32; 100];
        (values[40], values[70]) = (2.0, 2.0);
        assert_eq!((argmax(&values), largest(&values)), (40, 2.0));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 3]), 0);
    }
}
