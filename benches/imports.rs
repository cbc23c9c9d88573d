//! tmp
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "bench"
)]
use menace_agent::{source, store};
use std::path::Path;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let project = Path::new(&args[1]).canonicalize().unwrap();
    let db = Path::new(&args[2]);
    let t0 = Instant::now();
    let mut st = store::Store::open(db, 0).unwrap();
    let t1 = Instant::now();
    let known = st.known_files().unwrap();
    let t2 = Instant::now();
    let bytes: usize = known.iter().map(|k| k.reading.len()).sum();
    let n = known.len();
    let scan = source::scan(
        &source::ScanOptions {
            project: &project,
            data_dir: &project.join("sandbox_data"),
            exclude: &[],
        },
        known,
    )
    .unwrap();
    let t3 = Instant::now();
    st.put_known_files(&scan.changed, &scan.gone).unwrap();
    let t4 = Instant::now();
    let d0 = Instant::now();
    let mut total = 0;
    for f in &scan.files {
        total += f.reading().map_or(0, |f| f.imports.len());
    }
    println!("decode all {total} {:?}", d0.elapsed());
    let files = scan.files.len();
    let problems = scan.files.iter().filter(|f| f.reading().is_err()).count();
    let (mut i, mut m) = (0, 0);
    for f in scan.files.iter().filter_map(|f| f.reading().ok()) {
        i += f.imports.len();
        m += f.mentions.len();
    }
    println!(
        "known {n} ({bytes} B) files {files} problems {problems} imports {i} mentions {m} changed {} gone {} unlisted {}",
        scan.changed.len(),
        scan.gone.len(),
        scan.unlisted.len()
    );
    if args.len() > 3 {
        for f in &scan.files {
            if let Err(p) = &f.reading() {
                println!("{} {:?}", f.path, p);
            }
        }
    }
    drop(scan);
    let t5 = Instant::now();
    drop(st);
    println!(
        "open {:?} load {:?} scan {:?} write {:?} drop {:?} close {:?}",
        t1 - t0,
        t2 - t1,
        t3 - t2,
        t4 - t3,
        t5 - t4,
        t5.elapsed()
    );
}
