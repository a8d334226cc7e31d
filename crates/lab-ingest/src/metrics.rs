//! Reads metrics out of the lines that a program prints.
//!
//! Careful rather than complete: a sentence with a colon and a number is no metric. Step, epoch and
//! iteration counts give the step of the values beside them; an epoch is a value of its own only
//! when a finer step stands beside it or when it is a fraction. A line that says nothing but
//! `Epoch 3/10` gives the step of the lines that follow it.

mod json;
mod pairs;
mod steps;

pub use json::{JsonScanner, json_line};
pub(crate) use json::{STEP_NAMES, TIME_NAMES, non_finite, plausible_millis, whole};

use crate::text;

/// The longest line that is looked at.
const MAX_LINE_BYTES: usize = 8192;

/// One value that a line shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The metric's name.
    pub key: String,
    /// The step, where the line names one.
    pub step: Option<i64>,
    /// When it was logged, in milliseconds since 1970, where the line says so.
    pub time_millis: Option<i64>,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

/// Where a value stands in its run, as far as the program says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct At {
    /// The step.
    pub step: Option<i64>,
    /// Milliseconds since 1970.
    pub time_millis: Option<i64>,
}

/// Reads lines of standard output or standard error, in order.
#[derive(Clone, Debug, Default)]
pub struct LineParser {
    /// The epoch of the last line that named nothing else.
    epoch: Option<i64>,
    in_traceback: bool,
}

impl LineParser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The metrics of one line, without its end. Colours are removed; of a line that was
    /// overwritten after carriage returns only what is left counts.
    pub fn feed_line(&mut self, text: &str) -> Vec<Found> {
        let text = text::last_overwrite(text);
        if text.starts_with('{') && text.len() <= json::MAX_LINE_BYTES {
            // A line that is no JSON may still be a dictionary as Python prints it.
            if let Some(found) = json_line(text) {
                return found;
            }
        }
        if text.len() > MAX_LINE_BYTES {
            return Vec::new();
        }
        let text = text::strip_controls(text);
        if self.is_traceback(&text) || !text.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'n' | b'N')) {
            return Vec::new();
        }
        let steps = steps::read(&text);
        let mut found = pairs::read(&text, steps.any());
        let step = steps.step();
        if found.is_empty() {
            if let Some(epoch) = steps.epoch
                && steps.step.is_none()
            {
                self.epoch = Some(epoch.at);
            }
            return found;
        }
        if let Some(epoch) = steps.epoch
            && (steps.step.is_some() || step.is_none())
        {
            found.push(pairs::found("epoch".to_owned(), epoch.at as f64));
        }
        if let Some(epoch) = steps.epoch_fraction {
            found.push(pairs::found("epoch".to_owned(), epoch));
        }
        for value in &mut found {
            value.step = step.or(self.epoch);
        }
        found
    }

    /// Lines of a traceback show code, not values.
    fn is_traceback(&mut self, text: &str) -> bool {
        if text.starts_with("Traceback (most recent call last)") {
            self.in_traceback = true;
        } else if self.in_traceback && !text.starts_with([' ', '\t']) && !text.is_empty() {
            // The line with the exception itself ends it.
            self.in_traceback = false;
            return true;
        }
        self.in_traceback
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(found: &[Found]) -> String {
        let one = |found: &Found| match found.step {
            Some(step) => format!("{}={}@{step}", found.key, found.value),
            None => format!("{}={}", found.key, found.value),
        };
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(shown(&LineParser::new().feed_line(line)), expected, "{line}");
    }

    #[test]
    fn usual_lines() {
        check("loss: 0.31", "loss=0.31");
        check("step=200 acc=0.9", "acc=0.9@200");
        check("epoch 3/10 - loss: 0.5 - val_loss: 0.6 - accuracy: 87.5%", "loss=0.5@3 val_loss=0.6@3 accuracy=87.5@3");
        check("[12]\ttrain-rmse:0.3\ttest-rmse:0.4", "train-rmse=0.3@12 test-rmse=0.4@12");
        check("[12] train-rmse:0.3 test-rmse:0.4", "train-rmse=0.3@12 test-rmse=0.4@12");
        check("Epoch 3: loss 0.31", "loss=0.31@3");
        check("Epoch 3: train loss 0.31, val loss 0.4", "train loss=0.31@3 val loss=0.4@3");
        check("{\"step\": 3, \"loss\": 0.1, \"val\": {\"acc\": 0.5}}", "loss=0.1@3 val/acc=0.5@3");
        check("{'loss': 0.5, 'lr': 1e-05, 'epoch': 0.25}", "loss=0.5 lr=0.00001 epoch=0.25");
        check("100%|███| 10/10 [00:01<00:00,  9.5it/s, loss=0.3, acc=0.9]", "loss=0.3 acc=0.9");
        check("Epoch 3: 100%|███| 10/10 [00:01<00:00,  9.5it/s, loss=0.3, v_num=0]", "loss=0.3@3");
        check("train:  50%|██   | 5/10", "");
        check("\x1b[32mloss\x1b[0m: \x1b[1m0.31\x1b[0m", "loss=0.31");
        check("loss: 0.9\rloss: 0.8\rloss: 0.7\r", "loss=0.7");
        check("Epoch [1/5], Step [100/600], Loss: 0.31", "Loss=0.31@700 epoch=1@700");
        check("Iter 100 | loss 0.5 | lr 1e-4", "loss=0.5@100 lr=0.0001@100");
        check(
            "Epoch: [2][100/500]\tTime  0.3 ( 0.4)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.00 (  0.10)",
            "Loss=6.9@1100 Acc@1=0@1100",
        );
        check(
            "[100]\ttraining's binary_logloss: 0.3\tvalid_1's auc: 0.9",
            "training binary_logloss=0.3@100 valid_1 auc=0.9@100",
        );
        check("1875/1875 [=====] - 3s 1ms/step - loss: 0.5 - acc: 0.8", "loss=0.5 acc=0.8");
        check("313/313 ━━━━ 0s 1ms/step - accuracy: 0.97 - loss: 0.08", "accuracy=0.97 loss=0.08");
        check(" 5/10 [==>...] - ETA: 0s - loss: 0.5", "loss=0.5");
        check("loss: tensor(0.3102, device='cuda:0', grad_fn=<X>)", "loss=0.3102");
        check("Final test accuracy: 0.93", "Final test accuracy=0.93");
        check("Validation loss = 0.5", "Validation loss=0.5");
        check("loss=nan acc=inf x=-inf", "loss=NaN acc=inf x=-inf");
        check("global_step: 500, reward: -12.5", "reward=-12.5@500");
        check("| ep_rew_mean | 21.5 |", "");
        check("R2: 0.91 | RMSE: 3.2 | n: 5", "R2=0.91 RMSE=3.2 n=5");
        check("loss: 0.3 (best: 0.2)", "loss=0.3 best=0.2");
        check("val/loss: 0.3, val/acc@5: 0.9", "val/loss=0.3 val/acc@5=0.9");
        check("accuracy: 0.93 on the test set.", "accuracy=0.93");
        check("Accuracy: 0.9.", "Accuracy=0.9");
    }

    #[test]
    fn log_prefixes_are_passed_over() {
        check("INFO:root:loss: 0.3", "loss=0.3");
        check("INFO:root:epoch 3 loss: 0.3", "loss=0.3@3");
        check("2024-01-02 12:30:45,123 INFO trainer - Validation loss: 0.3", "Validation loss=0.3");
        check("2024-01-02 12:30:45.123 | INFO | __main__:main:12 - acc: 0.3", "acc=0.3");
        check("[2024-01-02 12:30:45] [INFO] loss=0.3", "loss=0.3");
        check("I0102 12:30:45.123 99 train.py:12] step = 5, loss = 0.3 (1.2 sec)", "loss=0.3@5");
        check("12:30:45 loss: 0.3", "loss=0.3");
    }

    #[test]
    fn prose_is_no_metric() {
        for line in [
            "12:30:45",
            "2024-01-02",
            "started at 12:30",
            "ETA: 0:01:02",
            "elapsed: 3.2s",
            "speed: 0.3s/it",
            "time: 12.5",
            "Python 3.11.2",
            "version: 1.2",
            "torch==2.1.0",
            "Listening on 127.0.0.1:8080",
            "http://localhost:8080/",
            "server localhost:8080",
            "see train.py:12",
            "File \"a.py\", line 12, in f",
            "Found 3 errors: 2 are fatal",
            "Loaded the data set from the disk and it has this many rows: 5000",
            "Namespace(lr=0.1, epochs=5)",
            "RandomForestClassifier(n_estimators=100, max_depth=3)",
            "error 404",
            "/path/a=1/b",
            "C:\\data: 5x",
            "The answer to the question is: 42",
            "size: 10MB",
            "Ratio: 3:1",
            "Downloading: 45%|██  |",
            "exit code: 1",
            "seed: 42",
            "batch_size=32",
            "PID: 1234",
            "foo: 12,345",
            "date: 2024-01-02",
            "id=deadbeef 5",
            "cuda:0",
            "device: cuda:0",
            "Step 2 of 3",
            "Epoch 3/10",
            "",
            ":",
            "=",
            "a=",
            "=1",
            ": 5",
            "{",
            "{'a'",
            "2: 5",
            "🦀: 5",
            "commit: 1e5f00",
            "WARNING: 3 files skipped",
            "line 5: 3 tokens expected",
            "rank: 0",
        ] {
            check(line, "");
        }
        let long = format!("{}: 5", "k".repeat(70));
        check(&long, "");
    }

    #[test]
    fn an_epoch_line_gives_the_step_of_the_next_lines() {
        let mut parser = LineParser::new();
        assert!(parser.feed_line("Epoch 3/10").is_empty());
        assert_eq!(shown(&parser.feed_line("loss: 0.5 - val_loss: 0.4")), "loss=0.5@3 val_loss=0.4@3");
        assert_eq!(shown(&parser.feed_line("step 7: loss: 0.5")), "loss=0.5@7");
    }

    #[test]
    fn tracebacks_show_code() {
        let mut parser = LineParser::new();
        for line in ["Traceback (most recent call last):", "    x = 5", "ValueError: 3"] {
            assert_eq!(shown(&parser.feed_line(line)), "", "{line}");
        }
        assert_eq!(shown(&parser.feed_line("x = 5")), "x=5");
    }

    proptest! {
        #[test]
        fn never_panics(line in "[a-z0-9:=.%|\\[\\](){}'\", \\-/@é\u{1b}\r]{0,60}") {
            let mut parser = LineParser::new();
            for found in parser.feed_line(&line) {
                let is_bounded = found.key.len() <= 64 || line.starts_with('{');
                prop_assert!(is_bounded);
            }
            let _ = json_line(&line);
        }
    }
}
