//! What the programs of the demo print, and how hard the machine works meanwhile.

use std::collections::BTreeMap;

use lab_model::RunStart;

/// A kind of program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// An image classifier: accuracy by epoch.
    Images,
    /// A language model: loss by step.
    Language,
    /// Boosted trees: hits by round.
    Rain,
}

/// One run of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Shape {
    pub course: Course,
    /// Lines that it prints on its way.
    pub lines: u64,
    /// The last value of the metric that counts.
    pub quality: f64,
    /// The rate falls once, after two thirds of the way, and the curves show it.
    pub has_step: bool,
    /// Tells apart what is left to chance.
    pub chance: u64,
}

/// A number between -1 and 1 that looks like chance (SplitMix64).
fn chance(number: u64) -> f64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

impl Shape {
    /// What a run that is about to start will print, by its parameters.
    pub fn new(course: Course, start: &RunStart, quality: f64, has_step: bool, number: u64) -> Self {
        let of = |name: &str| start.params.get(name).and_then(serde_json::Value::as_u64);
        let lines = match course {
            Course::Images => of("epochs").unwrap_or(40),
            Course::Language => of("steps").unwrap_or(4000) / 100,
            Course::Rain => of("trees").unwrap_or(200) / 10,
        };
        Self { course, lines, quality, has_step, chance: number << 32 }
    }

    /// From line to line.
    pub fn millis_per_line(&self) -> u64 {
        let usual = match self.course {
            Course::Images => 3_000.0,
            Course::Language => 21_000.0,
            Course::Rain => 450.0,
        };
        // The machine is not always equally busy.
        (usual * (1.0 + 0.06 * chance(self.chance))) as u64
    }

    /// What it prints before the first line that counts: the stream and the text.
    pub const fn opening(&self) -> &'static [(&'static str, &'static str)] {
        match self.course {
            Course::Images => &[
                ("out", "\u{1b}[32m✓\u{1b}[0m 50000 images in memory"),
                ("err", "train.py:40: \u{1b}[33mUserWarning\u{1b}[0m: the last batch has 336 images, not 512"),
            ],
            Course::Language => &[
                ("out", "\u{1b}[32m✓\u{1b}[0m 2.1 million stories, 469 million numbers"),
                ("err", "torch.compile: \u{1b}[2mcompiled 9 graphs in 38 s\u{1b}[0m"),
            ],
            Course::Rain => &[("out", "[LightGBM] [Info] Total Bins 142")],
        }
    }

    /// The line after `line` of them, the first being 1.
    pub fn line(&self, line: u64) -> String {
        let (part, of) = (line as f64 / self.lines as f64, self.lines);
        let noise = |salt: u64| chance(self.chance ^ (salt << 24) ^ line);
        match self.course {
            Course::Images if self.quality < 0.15 => {
                let loss = 2.3 * 5.0_f64.powi(line as i32);
                let place = format!("\u{1b}[36mepoch {line}/{of}\u{1b}[0m");
                format!("{place} loss={loss:.4} val/loss={:.4} \u{1b}[1mval/acc=0.1000\u{1b}[0m", loss * 1.1)
            }
            Course::Images => {
                let acc = self.accuracy(part, noise(1));
                let loss = (1.0 - acc).powf(0.8) * 2.4 + 0.012 * noise(2) + 0.004;
                let val = (1.0 - acc) * 3.1 + 0.02 * noise(3) + 0.02;
                let rate = match (self.has_step, part < 2.0 / 3.0) {
                    (true, true) => 0.1,
                    (true, false) => 0.01,
                    _ => 0.05 * (1.0 + (std::f64::consts::PI * part).cos()),
                };
                format!(
                    "\u{1b}[36mepoch {line}/{of}\u{1b}[0m loss={loss:.4} val/loss={val:.4} \u{1b}[1mval/acc={acc:.4}\u{1b}[0m \
                     \u{1b}[2mlr={rate:.5}\u{1b}[0m"
                )
            }
            Course::Language => {
                let val = self.quality + 5.2 * (1.0 + 28.0 * part).powf(-1.35) * (1.0 - part * 0.9) + 0.008 * noise(1);
                let loss = val - 0.03 * part + 0.035 * noise(2);
                format!(
                    "\u{1b}[35mstep {}/{}\u{1b}[0m loss={loss:.4} \u{1b}[1mval/loss={val:.4}\u{1b}[0m val/ppl={:.2}",
                    line * 100,
                    of * 100,
                    val.exp()
                )
            }
            Course::Rain => {
                let learned = 1.0 - (-4.2 * part).exp();
                let csi = self.quality * learned + 0.006 * noise(1) * (1.2 - part);
                let rmse = 4.1 - 2.6 * csi + 0.3 * (part - 0.5).max(0.0).powi(2);
                format!("iter {}/{} val/rmse={rmse:.4} val/csi={csi:.4}", line * 10, of * 10)
            }
        }
    }

    fn accuracy(&self, part: f64, noise: f64) -> f64 {
        let (reached, wobble) = match (self.has_step, part < 2.0 / 3.0) {
            // A plateau, and from the step on what is left.
            (true, true) => (0.93 * (1.0 - (-7.0 * part).exp()), 0.022),
            (true, false) => (1.0 - 0.02 * (-30.0 * (part - 2.0 / 3.0)).exp(), 0.002),
            _ => (1.0 - 0.62 * (-4.5 * part).exp() - 0.055 * (1.0 - part), 0.016 * (1.0 - part) + 0.0012),
        };
        // However it gets there, it ends where it should.
        let end = if self.has_step { 1.0 } else { 1.0 - 0.62 * (-4.5_f64).exp() };
        (self.quality * reached / end + wobble * noise).clamp(0.1, 1.0)
    }

    /// How hard the machine works after so much of the way, under the names that samples have.
    pub fn sample(&self, millis: u64, number: u64) -> BTreeMap<String, f64> {
        let noise = |salt: u64| chance(self.chance ^ (salt << 16) ^ number);
        let mut values = BTreeMap::from([
            ("t".to_owned(), millis as f64),
            ("cpu_percent".to_owned(), 164.0 + 22.0 * noise(11)),
            ("memory_bytes".to_owned(), 2.9e9 + 4.0e6 * number as f64 + 1.0e7 * noise(12)),
            ("processes".to_owned(), 5.0),
        ]);
        if self.course != Course::Rain {
            values.insert("gpu0_percent".to_owned(), (95.0 + 5.0 * noise(13)).clamp(0.0, 100.0).round());
            values.insert("gpu0_memory_bytes".to_owned(), 11.4e9);
            values.insert("gpu0_power_watts".to_owned(), (291.0 + 14.0 * noise(14)).round());
        }
        values
    }
}
