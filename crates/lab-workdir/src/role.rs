//! What a file is to an experiment, by its name, its place and its content.
//!
//! In this order: `lab.toml`; what runs wrote is output; directories of tracking tools are output; the
//! name and extension of source code; directories that are named for data or output; the tables of
//! names and extensions; and last the content.

use lab_model::Role;

/// What the name of a directory says of everything below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Data, except source code and pointers.
    Data,
    /// Output, except source code.
    Output,
    /// A directory that a tool writes: all of it is output, also copies of source code.
    Tool,
}

/// What holds below the directory `name`, whose own place is `outer`. The outermost name decides, for
/// `outputs/data` belongs to a run; only a tool's directory always does.
pub(crate) fn place_of(name: &[u8], outer: Option<Place>) -> Option<Place> {
    let own = match name {
        b"wandb" | b"mlruns" | b"mlartifacts" | b"lightning_logs" | b"multirun" | b"tb_logs" | b"tensorboard"
        | b"_sources" | b".guild" | b".aim" | b".neptune" | b"dvclive" | b"catboost_info" | b"ray_results"
        | b".hydra" => Some(Place::Tool),
        b"output" | b"outputs" | b"results" | b"result" | b"runs" | b"logs" | b"log" | b"checkpoints"
        | b"checkpoint" | b"ckpts" | b"ckpt" | b"artifacts" | b"figures" | b"plots" | b"predictions" => {
            Some(Place::Output)
        }
        b"data" | b"dataset" | b"datasets" | b"inputs" | b"corpus" => Some(Place::Data),
        _ => None,
    };
    if own == Some(Place::Tool) { own } else { outer.or(own) }
}

/// The role of a file in a directory of the given place, where name and place decide it.
pub(crate) fn role_in(place: Option<Place>, name: &[u8]) -> Option<Role> {
    if place == Some(Place::Tool) {
        return Some(Role::Output);
    }
    let by_name = role_by_name(name);
    match place {
        _ if by_name == Some(Role::Code) => by_name,
        Some(Place::Data) => Some(Role::Data),
        Some(Place::Output | Place::Tool) => Some(Role::Output),
        None => by_name,
    }
}

/// The role that a name alone decides, whatever the directory.
pub fn role_by_name(name: &[u8]) -> Option<Role> {
    by_whole_name(name).or_else(|| {
        let mut buffer = [0; MAX_EXTENSION_BYTES];
        by_extension(lower_extension(name, &mut buffer)?)
    })
}

fn by_whole_name(name: &[u8]) -> Option<Role> {
    Some(match name {
        b"Makefile" | b"makefile" | b"GNUmakefile" | b"Dockerfile" | b"Containerfile" | b"Justfile" | b"justfile"
        | b"Snakefile" | b"Rakefile" | b"CMakeLists.txt" | b"SConstruct" | b"meson.build" | b"BUILD" | b"WORKSPACE"
        | b"Jenkinsfile" | b"Vagrantfile" | b"Procfile" | b".Rprofile" => Role::Code,
        b"Pipfile" | b".env" | b".envrc" | b".gitignore" | b".gitattributes" | b".gitmodules" | b".labignore"
        | b".dvcignore" | b".dockerignore" | b".editorconfig" | b".python-version" | b".tool-versions"
        | b"package.json" | b"package-lock.json" | b"dvc.lock" | b"uv.lock" | b"poetry.lock" | b"renv.lock"
        | b"runtime.txt" | b"constraints.txt" | b"environment.yml" => Role::Config,
        _ if name.starts_with(b"requirements") && name.ends_with(b".txt") => Role::Config,
        _ if name.starts_with(b".env.") => Role::Config,
        _ if name.starts_with(b"Dockerfile.") => Role::Code,
        // TensorBoard: events.out.tfevents.1700000000.host.1234.0
        _ if contains(name, b".tfevents.") => Role::Output,
        _ => return None,
    })
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.len() >= part.len() && name.windows(part.len()).any(|window| window == part)
}

const MAX_EXTENSION_BYTES: usize = 12;

/// What follows the last dot, in lower case; `None` when there is no dot, only a leading one, or too much.
fn lower_extension<'a>(name: &[u8], buffer: &'a mut [u8; MAX_EXTENSION_BYTES]) -> Option<&'a [u8]> {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)?;
    let extension = &name[dot + 1..];
    let place = buffer.get_mut(..extension.len())?;
    place.copy_from_slice(extension);
    place.make_ascii_lowercase();
    Some(place)
}

fn by_extension(extension: &[u8]) -> Option<Role> {
    Some(match extension {
        b"py" | b"pyx" | b"pxd" | b"pyi" | b"ipynb" | b"r" | b"rmd" | b"qmd" | b"jl" | b"rs" | b"c" | b"cc"
        | b"cpp" | b"cxx" | b"h" | b"hh" | b"hpp" | b"hxx" | b"cu" | b"cuh" | b"cl" | b"metal" | b"glsl" | b"wgsl"
        | b"java" | b"kt" | b"kts" | b"scala" | b"groovy" | b"gradle" | b"clj" | b"sh" | b"bash" | b"zsh" | b"fish"
        | b"ps1" | b"bat" | b"cmd" | b"slurm" | b"sbatch" | b"pbs" | b"m" | b"mm" | b"f" | b"for" | b"f77" | b"f90"
        | b"f95" | b"f03" | b"f08" | b"sql" | b"js" | b"mjs" | b"cjs" | b"jsx" | b"ts" | b"tsx" | b"vue"
        | b"svelte" | b"html" | b"css" | b"scss" | b"go" | b"lua" | b"rb" | b"pl" | b"pm" | b"php" | b"cs" | b"fs"
        | b"fsx" | b"swift" | b"dart" | b"hs" | b"ml" | b"mli" | b"ex" | b"exs" | b"erl" | b"elm" | b"nim" | b"zig"
        | b"d" | b"v" | b"sv" | b"vhd" | b"vhdl" | b"asm" | b"s" | b"stan" | b"bugs" | b"jags" | b"do" | b"ado"
        | b"sas" | b"sps" | b"nf" | b"smk" | b"wdl" | b"cwl" | b"mk" | b"mak" | b"cmake" | b"bzl" | b"nix" | b"tcl"
        | b"awk" | b"sed" | b"tex" | b"bib" | b"sty" | b"cls" | b"proto" | b"thrift" | b"fbs" | b"jinja" | b"j2"
        | b"patch" | b"diff" => Role::Code,
        b"yaml" | b"yml" | b"toml" | b"ini" | b"cfg" | b"conf" | b"config" | b"env" | b"properties" | b"gin"
        | b"json5" | b"jsonc" | b"jsonnet" | b"libsonnet" | b"hcl" | b"tf" | b"tfvars" | b"lock" | b"rproj"
        | b"code-workspace" | b"editorconfig" => Role::Config,
        b"csv" | b"tsv" | b"psv" | b"parquet" | b"feather" | b"arrow" | b"ipc" | b"orc" | b"avro" | b"npy" | b"npz"
        | b"h5" | b"hdf" | b"hdf5" | b"he5" | b"nc" | b"nc4" | b"cdf" | b"grib" | b"zarr" | b"mat" | b"pkl"
        | b"pickle" | b"rds" | b"rda" | b"rdata" | b"dta" | b"sav" | b"sas7bdat" | b"xpt" | b"xls" | b"xlsx"
        | b"ods" | b"jsonl" | b"ndjson" | b"geojson" | b"shp" | b"dbf" | b"gpkg" | b"tif" | b"tiff" | b"jpg"
        | b"jpeg" | b"png" | b"gif" | b"bmp" | b"webp" | b"svg" | b"pdf" | b"ppm" | b"pgm" | b"dcm" | b"nii"
        | b"mrc" | b"fits" | b"fit" | b"wav" | b"mp3" | b"flac" | b"ogg" | b"m4a" | b"mp4" | b"avi" | b"mkv"
        | b"mov" | b"webm" | b"tfrecord" | b"tfrecords" | b"record" | b"mdb" | b"lmdb" | b"db" | b"sqlite"
        | b"sqlite3" | b"duckdb" | b"zip" | b"tar" | b"gz" | b"tgz" | b"bz2" | b"xz" | b"zst" | b"lz4" | b"7z"
        | b"rar" | b"dat" | b"data" | b"raw" | b"bin" | b"fasta" | b"fa" | b"fastq" | b"fq" | b"fna" | b"faa"
        | b"bam" | b"sam" | b"cram" | b"vcf" | b"bcf" | b"bed" | b"gff" | b"gtf" | b"pdb" | b"cif" | b"sdf"
        | b"mol" | b"mol2" | b"xyz" | b"ply" | b"obj" | b"stl" | b"las" | b"laz" | b"root" | b"edf" | b"bdf"
        | b"arff" | b"libsvm" | b"svm" | b"idx" | b"vtk" | b"vtu" | b"dvc" | b"bag" => Role::Data,
        b"ckpt" | b"pt" | b"pth" | b"safetensors" | b"onnx" | b"joblib" | b"gguf" | b"ggml" | b"keras" | b"tflite"
        | b"pb" | b"mlmodel" | b"msgpack" | b"model" | b"cbm" | b"ubj" | b"log" | b"out" | b"err" | b"tfevents"
        | b"trace" | b"prof" | b"pstats" | b"nsys-rep" | b"ncu-rep" | b"qdrep" => Role::Output,
        _ => return None,
    })
}

/// Text up to this size that no rule names counts as code, and JSON as config; larger ones are data.
const SMALL_TEXT_BYTES: u64 = 64 * 1024;

/// The role of a file that no rule names, from its first bytes (some KiB are enough).
pub fn role_by_content(name: &[u8], head: &[u8], size_bytes: u64) -> Role {
    if head.starts_with(b"#!") {
        return Role::Code;
    }
    if size_bytes > SMALL_TEXT_BYTES || !is_text(head) {
        return Role::Data;
    }
    let mut buffer = [0; MAX_EXTENSION_BYTES];
    match lower_extension(name, &mut buffer) {
        Some(b"json") => Role::Config,
        _ => Role::Code,
    }
}

/// Whether `head` looks like UTF-8 text: no NUL, hardly any control, and no broken sequence but at its end.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end in the middle of a character.
        Err(error) => error.error_len().is_none() && head.len() - error.valid_up_to() < 4,
    };
    let is_odd = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    valid && !head.iter().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places() {
        use Role::{Code, Config, Data, Output};
        for (path, expected) in [
            ("train.py", Some(Code)),
            ("TRAIN.PY", Some(Code)),
            ("analysis.R", Some(Code)),
            ("Makefile", Some(Code)),
            ("Dockerfile.gpu", Some(Code)),
            ("conf/model.yaml", Some(Config)),
            ("requirements-dev.txt", Some(Config)),
            ("Cargo.lock", Some(Config)),
            (".env", Some(Config)),
            (".env.local", Some(Config)),
            ("notes.txt", None),
            ("README", None),
            ("params.json", None),
            ("x.csv", Some(Data)),
            ("x.csv.gz", Some(Data)),
            ("data.csv.dvc", Some(Data)),
            ("model.safetensors", Some(Output)),
            ("events.out.tfevents.1700000000.host.12.0", Some(Output)),
            ("data/labels.txt", Some(Data)),
            ("data/labels.json", Some(Data)),
            ("data/meta.yaml", Some(Data)),
            ("src/data/loader.py", Some(Code)),
            ("results/table.csv", Some(Output)),
            ("results/plot.py", Some(Code)),
            ("outputs/2024/.hydra/config.yaml", Some(Output)),
            ("outputs/data/x.csv", Some(Output)),
            ("data/results/x.csv", Some(Data)),
            ("wandb/run-1/files/code/train.py", Some(Output)),
            ("src/wandb_utils.py", Some(Code)),
            ("logs/run", Some(Output)),
            ("noextension", None),
            (".hidden", None),
            ("a.averyveryverylongextension", None),
            ("", None),
        ] {
            let mut place = None;
            let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
            for part in directories.split('/') {
                place = place_of(part.as_bytes(), place);
            }
            assert_eq!(role_in(place, name.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn contents() {
        for (name, head, size, expected) in [
            ("tool", &b"#!/bin/sh\n"[..], 10, Role::Code),
            ("notes.txt", b"plain words\n", 12, Role::Code),
            ("words.txt", b"plain words\n", 1 << 20, Role::Data),
            ("p.json", b"{}", 2, Role::Config),
            ("p.json", b"{}", 1 << 20, Role::Data),
            ("x", b"\0\x01\x02", 3, Role::Data),
            ("x", b"ELF\x7f\x02", 5, Role::Data),
            ("x", b"caf\xc3", 1000, Role::Code),
            ("x", b"caf\xe9 latin", 10, Role::Data),
            ("empty", b"", 0, Role::Code),
            ("coloured", b"\x1b[31mred", 10, Role::Code),
        ] {
            assert_eq!(role_by_content(name.as_bytes(), head, size), expected, "{name} {head:?}");
        }
    }
}
