//! `lab log`: metrics from a shell script, or from any program that can start another.

use lab_engine::Result;
use serde_json::json;

use crate::context::Context;
use crate::{error, select};

/// The arguments of `lab log`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Within `lab run` the run is known ($LAB_RUN_ID); elsewhere name it with --run.")]
pub struct Log {
    /// Metrics as key=value
    #[arg(required = true, value_parser = pair)]
    values: Vec<(String, f64)>,
    /// The step
    #[arg(long)]
    step: Option<i64>,
    /// The run, which must be going on
    #[arg(long)]
    run: Option<String>,
}

fn pair(text: &str) -> std::result::Result<(String, f64), String> {
    let (key, value) = text.split_once('=').ok_or("write it as key=value")?;
    if key.is_empty() {
        return Err("the key is missing".to_owned());
    }
    let number = value.trim().parse().map_err(|_| format!("{value} is no number"))?;
    Ok((key.to_owned(), number))
}

impl Log {
    /// Logs the values.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let named = match &self.run {
            Some(spec) => {
                let row = select::run(context, &engine.reader()?, spec)?;
                if row.end.is_some() {
                    return Err(error::usage(format!("{} has ended: its metrics do not change", select::label(&row))));
                }
                Some(row.start.run.to_string())
            }
            None => None,
        };
        let run = engine.log_points(named.as_deref(), self.step, &self.values)?;
        if context.global.json {
            context.print_json(&json!({ "run": run, "logged": self.values.len() }))?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        assert_eq!(pair("loss=0.5"), Ok(("loss".into(), 0.5)));
        assert_eq!(pair("a/b= 1e3"), Ok(("a/b".into(), 1000.0)));
        assert!(pair("loss=nan").unwrap().1.is_nan());
        for wrong in ["loss", "=1", "loss=high"] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }
}
