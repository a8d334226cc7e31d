use lab_engine::*;
fn main() {
    let args: Vec<_> = std::env::args_os().collect();
    let mut config = EngineConfig::from_system(None).unwrap();
    let word = args[1].to_str().unwrap();
    if word == "__supervise" { supervise(config).unwrap(); return; }
    config.executable = std::env::current_exe().unwrap();
    let cwd = config.cwd.clone();
    let engine = Engine::open(config).unwrap();
    match word {
        "run" => {
            let out = engine.run(&RunRequest { argv: args[2..].to_vec(), ..Default::default() }, &mut |_| {}).unwrap();
            eprintln!("{out:?}");
        }
        "init" => { println!("{:?}", engine.init(&cwd, None).unwrap()); }
        "snapshot" => {
            let project = engine.project_of(&cwd).unwrap().unwrap();
            let s = engine.snapshot(&project, &mut |_, _| {}).unwrap();
            println!("{} read {} stored {} ms {} {:?}", s.id, s.files_read, s.stored_bytes, s.millis, s.snapshot.coverage.copied_files);
        }
        "restore" => {
            let project = engine.project_of(&cwd).unwrap().unwrap();
            if let Some(s) = engine.resume_restore(&project).unwrap() { println!("{s}"); }
            let id = args[2].to_str().unwrap().parse().unwrap();
            let plan = engine.plan_restore(&project, &RestoreTarget::Snapshot(id), &RestoreOptions::default(), &mut |_, _| {}).unwrap();
            println!("steps {} kept {} un {}", plan.plan.steps.len(), plan.plan.kept.len(), plan.plan.unrestorable.len());
            println!("{:?}", engine.apply_restore(&plan, &mut |_, _| {}).unwrap());
        }
        "to" => {
            let w = engine.restore_to(&args[2].to_str().unwrap().parse().unwrap(), std::path::Path::new(&args[3]), &[], &mut |_, _| {}).unwrap();
            println!("{w:?}");
        }
        _ => {}
    }
}
