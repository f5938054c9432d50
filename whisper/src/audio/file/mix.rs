//! From many channels to one.

use symphonia::core::audio::{ChannelLabel, Channels, Position};

/// Which channel of a sound is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// All of them: what ffmpeg makes of `-ac 1`. Left and right count equally, surround channels less, low-frequency
    /// effects not at all.
    #[default]
    Mix,
    /// The first.
    Left,
    /// The second; the first where there is only one.
    Right,
}

/// Loudest sample let through to the resampler: keeps sums finite, and is clipped later anyway.
const LOUDEST: f32 = 1e6;

/// Weight of each channel; they sum up to 1.
#[derive(Debug)]
pub(super) struct Mixer(Vec<f32>);

impl Mixer {
    pub(super) fn new(channels: &Channels, channel: Channel) -> Self {
        let count = channels.count();
        let only = |index: usize| (0..count).map(|i| f32::from(u8::from(i == index))).collect();
        let weights: Vec<f32> = match channel {
            Channel::Left => only(0),
            Channel::Right => only(1.min(count.saturating_sub(1))),
            Channel::Mix => match channels {
                Channels::Positioned(positions) => positions.iter().map(weight).collect(),
                Channels::Custom(labels) => labels.iter().map(label_weight).collect(),
                _ => vec![1.0; count],
            },
        };
        let sum: f32 = weights.iter().sum();
        if sum > 0.0 {
            return Self(weights.into_iter().map(|w| w / sum).collect());
        }
        Self(vec![1.0 / count as f32; count])
    }

    /// Adds the weighted planes up into `out`.
    pub(super) fn mix(&self, planes: &[Vec<f32>], out: &mut Vec<f32>) {
        out.clear();
        out.resize(planes.first().map_or(0, Vec::len), 0.0);
        for (plane, &weight) in planes.iter().zip(&self.0).filter(|(_, weight)| **weight > 0.0) {
            for (sum, &x) in out.iter_mut().zip(plane) {
                let x = if x.is_nan() {
                    0.0
                } else {
                    x.clamp(-LOUDEST, LOUDEST)
                };
                *sum += weight * x;
            }
        }
    }
}

fn label_weight(label: &ChannelLabel) -> f32 {
    match label {
        ChannelLabel::Positioned(position) => weight(*position),
        _ => 1.0,
    }
}

/// ffmpeg's downmix to one channel (`libswresample/rematrix.c`), before it is normalised: the centre whole, fronts at
/// -3 dB, what surrounds at -6 dB.
fn weight(position: Position) -> f32 {
    const FRONT: Position = Position::FRONT_LEFT
        .union(Position::FRONT_RIGHT)
        .union(Position::FRONT_LEFT_CENTER)
        .union(Position::FRONT_RIGHT_CENTER)
        .union(Position::FRONT_LEFT_WIDE)
        .union(Position::FRONT_RIGHT_WIDE);
    if position == Position::FRONT_CENTER {
        1.0
    } else if FRONT.contains(position) {
        std::f32::consts::FRAC_1_SQRT_2
    } else if position == Position::LFE1 || position == Position::LFE2 {
        0.0
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(channels: Channels, channel: Channel) -> f32 {
        let planes: Vec<_> = (0..channels.count())
            .map(|i| vec![10f32.powi(i as i32)])
            .collect();
        let mut out = Vec::new();
        Mixer::new(&channels, channel).mix(&planes, &mut out);
        out[0]
    }

    #[test]
    fn two_channels_count_equally() {
        let stereo = || Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT);
        assert_eq!(mixed(stereo(), Channel::Mix), 5.5);
        assert_eq!(mixed(stereo(), Channel::Left), 1.0);
        assert_eq!(mixed(stereo(), Channel::Right), 10.0);
        assert_eq!(mixed(Channels::Discrete(2), Channel::Mix), 5.5);
    }

    #[test]
    fn one_channel_is_left_and_right() {
        for channel in [Channel::Mix, Channel::Left, Channel::Right] {
            assert_eq!(mixed(Channels::Positioned(Position::FRONT_CENTER), channel), 1.0);
            assert_eq!(mixed(Channels::Positioned(Position::LFE1), channel), 1.0);
        }
    }

    #[test]
    fn five_channels_and_effects_are_weighted_as_ffmpeg_does() {
        let front = Position::FRONT_LEFT | Position::FRONT_RIGHT | Position::FRONT_CENTER;
        let all = front | Position::LFE1 | Position::REAR_LEFT | Position::REAR_RIGHT;
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let expected = (half * 11.0 + 100.0 + 0.5 * 110_000.0) / (2.0 * half + 2.0);
        assert!((mixed(Channels::Positioned(all), Channel::Mix) - expected).abs() < 0.01);
    }

    #[test]
    fn no_number_is_silence() {
        let mixer = Mixer::new(&Channels::Discrete(2), Channel::Mix);
        let mut out = Vec::new();
        mixer.mix(&[vec![f32::NAN, 1.0], vec![0.5, f32::INFINITY]], &mut out);
        assert_eq!(out[0], 0.25);
        assert!(out[1].is_finite());
    }
}
