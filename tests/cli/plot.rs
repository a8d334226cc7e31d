//! Figures and charts from real runs.

use std::process::Command;

use lab_testkit::Home;

use crate::{home, json};

/// A program whose loss falls with the learning rate and wobbles with the seed; one value is NaN.
const TRAIN: &str = "import sys, os\n\
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n\
    seed, lr = int(arguments['--seed']), float(arguments['--lr'])\n\
    os.makedirs('out', exist_ok=True)\n\
    open('out/confusion.csv', 'w').write(',cat,dog\\ncat,5,1\\ndog,0,7\\n')\n\
    for step in range(50):\n    \
        print(f'step={step} loss={(1 - lr) ** step + seed / 100 if step != 7 else float(\"nan\")}')\n";

/// Two seeds for each of two learning rates.
fn sweep() -> Home {
    let home = home();
    home.write("train.py", TRAIN);
    for (lr, seed) in [("0.1", "1"), ("0.1", "2"), ("0.2", "1"), ("0.2", "2")] {
        let name = format!("lr{lr}-{seed}");
        home.ok(["-q", "run", "--name", &name, "--", "python3", "train.py", "--lr", lr, "--seed", seed]);
    }
    home
}

#[test]
fn a_chart_in_the_terminal_and_as_data() {
    let home = sweep();
    let drawn = home.ok(["plot", "-m", "loss"]);
    assert!(drawn.contains("loss") && drawn.contains('⠒') && drawn.contains("1 value NaN"), "{drawn}");
    let plain = home.ok(["plot", "lr0.1-1", "lr0.2-1", "-m", "loss", "--ascii"]);
    assert!(plain.is_ascii() && plain.contains("* lr0.1-1   o lr0.2-1"), "{plain}");
    let page = json(&home.ok(["plot", "-m", "loss", "--json"]));
    let points = page["charts"][0]["layers"][0]["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[7][1]), (50, &serde_json::Value::Null));
}

#[test]
fn runs_that_differ_in_their_seeds_are_one_band() {
    let home = sweep();
    let page = json(&home.ok(["plot", "--group-by", "seed", "-m", "loss", "--json"]));
    let layers = page["charts"][0]["layers"].as_array().unwrap();
    let kinds: Vec<_> = layers.iter().map(|layer| layer["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["band", "line", "band", "line"]);
    assert_eq!((&layers[1]["name"], &layers[3]["name"]), (&"lr=0.1, n = 2".into(), &"lr=0.2, n = 2".into()));
}

#[test]
fn every_kind_becomes_a_figure() {
    let home = sweep();
    home.write("out/sample.png", one_pixel());
    home.ok(["-q", "run", "--name", "last", "--", "python3", "train.py", "--lr", "0.2", "--seed", "3"]);
    let kinds: [&[&str]; 8] = [
        &["--kind", "line", "--x", "time", "--smooth", "0.6"],
        &["--kind", "scatter", "-x", "lr", "-y", "loss"],
        &["--kind", "parallel"],
        &["--kind", "bar"],
        &["--kind", "histogram"],
        &["--kind", "ridge"],
        &["--kind", "confusion"],
        &["--kind", "images", "--file", "out"],
    ];
    for arguments in kinds {
        for name in ["figure.svg", "figure.pdf", "figure.png"] {
            home.ok(["plot", "-o", name].iter().chain(arguments));
        }
        let svg = String::from_utf8(home.read("figure.svg")).unwrap();
        assert_well_formed(&svg);
        assert!(svg.contains("width=\"252.28pt\""), "a column of a journal is 89 mm wide: {svg}");
        assert!(home.read("figure.pdf").starts_with(b"%PDF-1.7"));
        assert_eq!(png_width(&home.read("figure.png")), 1051);
    }
    home.ok(["plot", "-m", "loss", "-o", "wide.png", "--size", "120x80"]);
    assert_eq!(png_width(&home.read("wide.png")), 1417);
}

#[test]
fn another_program_opens_the_pdf() {
    let home = sweep();
    home.ok(["plot", "--kind", "confusion", "-o", "figure.pdf"]);
    let text = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).current_dir(home.project()).output().ok()
    };
    // Where poppler is installed.
    let Some(words) = text("pdftotext", &["figure.pdf", "-"]) else { return };
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(["cat", "dog", "predicted", "7"].iter().all(|word| words.contains(word)), "{words}");
    let drawn = text("pdftoppm", &["-r", "50", "-png", "-singlefile", "figure.pdf", "page"]).unwrap();
    assert!(drawn.status.success() && drawn.stderr.is_empty(), "{}", String::from_utf8_lossy(&drawn.stderr));
    assert_eq!(png_width(&home.read("page.png")), 176);
}

#[test]
fn the_clock_of_a_time_axis_is_that_of_the_reader() {
    let home = sweep();
    let arguments = ["plot", "-m", "loss", "--x", "time", "--ascii"];
    let shown = home.lab(arguments).env("TZ", "Asia/Kolkata").run().ok().out;
    assert!(shown.contains("time (UTC+05:30)"), "{shown}");
    assert!(home.ok(arguments).contains("time (UTC)"));
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let home = sweep();
    let check = |arguments: &[&str], code: i32, words: &[&str]| {
        let ended = home.lab(["plot"].iter().chain(arguments)).run().code(code);
        assert!(words.iter().all(|word| ended.err.contains(word)), "{}", ended.err);
    };
    check(&["-m", "los"], 3, &["No metric is called los", "did you mean loss?"]);
    check(&["-o", "figure.gif"], 2, &[".svg, .pdf or .png"]);
    check(&["--size", "huge"], 2, &["120x80"]);
    check(&["--kind", "scatter", "-x", "lr", "-y", "width"], 3, &["width"]);
    check(&["--kind", "confusion", "--file", "train.py"], 2, &["no table of counts"]);
    check(&["--kind", "confusion", "--file", "gone.csv"], 3, &["gone.csv"]);
    check(&["--kind", "images"], 3, &["no PNG files"]);
    check(&["-m", "loss", "-o", "no/such/place.svg"], 3, &["no/such/place.svg"]);
}

/// Every tag that is opened is closed, in turn; attributes and words hold nothing that ends them early.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1).map(|tag| tag.split_once('>').expect("a tag ends").0) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a tag has a name");
        assert!(tag.matches('"').count() % 2 == 0 && !tag.contains("NaN") && !tag.contains("inf"), "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
}

/// The width in the header of a PNG.
fn png_width(bytes: &[u8]) -> u32 {
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    bytes[16..20].iter().fold(0, |width, byte| width << 8 | u32::from(*byte))
}

/// The smallest PNG: one grey pixel.
fn one_pixel() -> Vec<u8> {
    let text = "89504e470d0a1a0a0000000d49484452000000010000000108000000003a\
                7e9b550000000a49444154789c636800000082008177cd72b60000000049\
                454e44ae426082";
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}
