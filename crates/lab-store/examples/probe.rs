//! temporary
#![allow(missing_docs, clippy::all, clippy::print_stdout, clippy::unwrap_used)]
use lab_store::*; use lab_model::*;
fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    if std::env::args().nth(2).is_some() { let n = Notebook::create(&dir, [3;16], Time(1)).unwrap(); let mut w = n.writer([5;16]).unwrap(); for i in 0..50u32 { w.append(Encoder::default().chunk(&i.to_le_bytes().repeat(100))).unwrap(); } w.commit(Time(2)).unwrap(); }
    let n = Notebook::open(&dir).unwrap();
    println!("warnings {:?}", n.warnings());
    match n.reader() { Ok(r) => println!("records {:?}", r.statistics().map(|s| s.records)), Err(e) => println!("reader: {e:?}") }
    println!("verify {:?}", n.verify(true, None, &mut |_, _| {}).map(|r| (r.findings, r.notes, r.records)));
    let mut w = match n.writer([9;16]) { Ok(w) => w, Err(e) => { println!("writer: {e} full={} ro={}", e.is_disk_full(), e.is_read_only()); return } };
    let big: Vec<u8> = (0..3_000_000u64).flat_map(|i| (i.wrapping_mul(0x9e3779b97f4a7c15) >> 13).to_le_bytes()).collect();
    for part in big.chunks(1<<20) { if let Err(e) = w.append(Encoder::default().chunk(part)) { println!("append: {e} full={} ro={}", e.is_disk_full(), e.is_read_only()); break } }
    match w.commit(Time(3)) { Ok(_) => println!("committed"), Err(e) => println!("commit: {e} full={} ro={}", e.is_disk_full(), e.is_read_only()) }
}
