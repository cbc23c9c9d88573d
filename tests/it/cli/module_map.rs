//! `agent module-map`.

use std::fs;

use menace_agent::clock::now_ms;
use menace_agent::store::Store;

use super::schema::{problems, schema};
use super::{Answer, Project};
use crate::store::sample::{new_run, plain};

/// Two rings of modules that one import joins, a test, and orphans.
fn project() -> Project {
    let project = Project::new();
    for folder in ["shop", "tests"] {
        fs::create_dir(project.path().join(folder)).unwrap();
    }
    for (file, text) in [
        ("shop/cart.py", "import shop.price\n"),
        ("shop/price.py", "import shop.stock\n"),
        ("shop/stock.py", "import shop.cart\n"),
        ("ledger.py", "import journal\nimport shop.cart\n"),
        ("journal.py", "import entry\n"),
        ("entry.py", "import ledger\n"),
        ("gift.py", "from shop import cart, price\n"),
        ("copy_of_entry.py", "import ledger\n"),
        (
            "tests/test_cart.py",
            "import shop.cart\n\n\ndef test_cart():\n    pass\n",
        ),
    ] {
        fs::write(project.path().join(file), text).unwrap();
    }
    project
}

/// Lists orphans as a run would that tried them.
fn orphans(project: &Project, entries: &[(&str, &str)]) {
    let path = project.path().join("sandbox_data/agent.db");
    drop(Store::open(&path, now_ms()).unwrap());
    let connection = plain(&path);
    for (file, status) in entries {
        connection
            .execute("INSERT OR IGNORE INTO file (path) VALUES (?1)", [file])
            .unwrap();
        connection
            .execute(
                "INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status,
                     first_seen_ms)
                 SELECT file_id, replace(path, '.py', ''), 'unreferenced', 1, 'x', 'scan', ?2, 1
                 FROM file WHERE path = ?1",
                [file, status],
            )
            .unwrap();
    }
}

fn call(project: &Project, args: &[&str]) -> Answer {
    project.call(&[&["module-map"], args].concat())
}

#[test]
fn the_map_is_built_shown_and_written_beside_the_state_file() {
    let project = project();
    orphans(
        &project,
        &[("gift.py", "untried"), ("copy_of_entry.py", "untried")],
    );
    insta::assert_snapshot!(call(&project, &["build", "--dry-run"]), @"
    exit 0
    --- stdout
    the module map would have 6 modules in 2 groups
      6 new
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["show"]), @"
    exit 0
    --- stdout
    the module map is empty; `agent module-map build` builds it
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["build"]), @"
    exit 0
    --- stdout
    the module map has 6 modules in 2 groups
      6 new
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["build"]), @"
    exit 0
    --- stdout
    the module map has 6 modules in 2 groups
      as before
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["show"]), @"
    exit 0
    --- stdout
    group 1  3 modules
      entry       entry.py
      journal     journal.py
      ledger      ledger.py
    group 2  3 modules
      shop.cart   shop/cart.py
      shop.price  shop/price.py
      shop.stock  shop/stock.py
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["show", "shop.stock"]), @"
    exit 0
    --- stdout
    group 2  3 modules
      shop.cart   shop/cart.py
      shop.price  shop/price.py
      shop.stock  shop/stock.py
    --- stderr
    ");
    let file = project.path().join("sandbox_data/module_map.json");
    let exported = call(&project, &["export"]).stdout;
    assert_eq!(fs::read_to_string(file).unwrap(), exported);
    insta::assert_snapshot!(exported, @r#"
    {
      "entry.py": 1,
      "journal.py": 1,
      "ledger.py": 1,
      "shop/cart.py": 2,
      "shop/price.py": 2,
      "shop/stock.py": 2
    }
    "#);
}

#[test]
fn the_map_as_json_fits_its_schema() {
    let project = project();
    let built = call(&project, &["build", "--json"]).stdout;
    assert_eq!(call(&project, &["show", "--json"]).stdout, built);
    let built: serde_json::Value = serde_json::from_str(&built).unwrap();
    assert_eq!(problems(&schema("module-map"), &built), [""; 0]);
    insta::assert_snapshot!(call(&project, &["show", "gift", "--json"]), @r#"
    exit 0
    --- stdout
    {
      "v": 1,
      "modules": [
        {
          "file": "gift.py",
          "module": "gift",
          "group_id": 2,
          "source": "build",
          "added_run": null
        },
        {
          "file": "shop/cart.py",
          "module": "shop.cart",
          "group_id": 2,
          "source": "build",
          "added_run": null
        },
        {
          "file": "shop/price.py",
          "module": "shop.price",
          "group_id": 2,
          "source": "build",
          "added_run": null
        },
        {
          "file": "shop/stock.py",
          "module": "shop.stock",
          "group_id": 2,
          "source": "build",
          "added_run": null
        }
      ]
    }
    --- stderr
    "#);
}

#[test]
fn orphans_that_pass_join_and_can_be_taken_back() {
    let project = project();
    orphans(
        &project,
        &[("gift.py", "passed"), ("copy_of_entry.py", "failed")],
    );
    call(&project, &["build"]);
    project.call(&["workflow", "create", "checkout", "shop.cart"]);
    insta::assert_snapshot!(call(&project, &["integrate", "--dry-run"]), @"
    exit 0
    --- stdout
    would have added gift to group 2, connected to it most
    would have added gift to the workflow `checkout`
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["integrate"]), @"
    exit 0
    --- stdout
    added gift to group 2, connected to it most
    added gift to the workflow `checkout`
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["integrate"]), @"
    exit 0
    --- stdout
    no orphan that passes is left to be added
    --- stderr
    ");
    insta::assert_snapshot!(project.call(&["workflow", "show", "checkout"]), @"
    exit 0
    --- stdout
    checkout  2 modules
      1  shop.cart  shop/cart.py
      2  gift       gift.py
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["integrate", "entry"]), @"
    exit 2
    --- stdout
    --- stderr
    error: `entry.py` is not on the list of orphans
    hint: only orphans that passed their last trial can join
    ");
}

#[test]
fn what_a_run_added_is_taken_back_by_its_number() {
    let project = project();
    orphans(&project, &[("gift.py", "integrated")]);
    let path = project.path().join("sandbox_data/agent.db");
    let mut store = Store::open(&path, now_ms()).unwrap();
    let run = store.open_run(&new_run()).unwrap();
    drop(store);
    plain(&path)
        .execute(
            "INSERT INTO module_map (file_id, module, group_id, source, run_id, added_ms)
             SELECT file_id, 'gift', 1, 'run', ?1, 0 FROM file WHERE path = 'gift.py'",
            [run.0],
        )
        .unwrap();
    insta::assert_snapshot!(call(&project, &["undo", "1", "--dry-run"]), @"
    exit 0
    --- stdout
    would have removed gift from group 1
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["undo", "latest"]), @"
    exit 0
    --- stdout
    removed gift from group 1
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["undo", "1"]), @"
    exit 0
    --- stdout
    nothing that run 1 added is there
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["undo", "7"]), @"
    exit 2
    --- stdout
    --- stderr
    error: there is no run 7
    hint: `agent history` lists the runs
    ");
    insta::assert_snapshot!(call(&project, &["integrate", "--dry-run"]), @"
    exit 0
    --- stdout
    left gift: it was taken back; name it to add it
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["integrate", "gift", "--dry-run"]), @"
    exit 0
    --- stdout
    would have built the module map of 7 modules
    would have added gift to group 2, connected to it most
    --- stderr
    ");
}

#[test]
fn a_map_comes_from_a_file_and_goes_to_one() {
    let project = project();
    let file = project.path().join("groups.json");
    fs::write(&file, r#"{"entry.py": 4, "gone.py": 1, "journal.py": "5"}"#).unwrap();
    insta::assert_snapshot!(call(&project, &["import", "groups.json"]), @"
    exit 0
    --- stdout
    the module map has 2 modules in 2 groups
      2 new
      left out 1 of the file: not of this project, or without a group
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["show"]), @"
    exit 0
    --- stdout
    group 4  1 module
      entry    entry.py  file
    group 5  1 module
      journal  journal.py  file
    --- stderr
    ");
    assert_eq!(call(&project, &["export", "out.json"]).code, 0);
    let written = fs::read_to_string(project.path().join("out.json")).unwrap();
    assert_eq!(written, "{\n  \"entry.py\": 4,\n  \"journal.py\": 5\n}\n");
    fs::write(&file, "[]").unwrap();
    insta::assert_snapshot!(call(&project, &["import", "groups.json"]), @"
    exit 2
    --- stdout
    --- stderr
    error: cannot use `groups.json`
      caused by: it has another shape: a list, expected an object
    hint: `agent module-map export` writes one of the right form
    ");
    insta::assert_snapshot!(call(&project, &["import", "none.json"]), @"
    exit 2
    --- stdout
    --- stderr
    error: cannot read `none.json`
      caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn an_edited_file_wins_and_a_damaged_one_is_kept() {
    let project = project();
    call(&project, &["build"]);
    let file = project.path().join("sandbox_data/module_map.json");
    fs::write(&file, r#"{"_by": "me", "entry.py": 8, "journal.py": 8}"#).unwrap();
    call(&project, &["integrate"]);
    insta::assert_snapshot!(fs::read_to_string(&file).unwrap(), @r#"
    {
      "_by": "me",
      "entry.py": 8,
      "journal.py": 8
    }
    "#);
    insta::assert_snapshot!(call(&project, &["show"]), @"
    exit 0
    --- stdout
    group 8  2 modules
      entry    entry.py
      journal  journal.py
    --- stderr
    ");
    fs::write(&file, "{").unwrap();
    insta::assert_snapshot!(call(&project, &["integrate"]), @"
    exit 0
    --- stdout
    no orphan that passes is left to be added
    --- stderr
    warning: `[PROJECT]/sandbox_data/module_map.json` is damaged: it is not JSON: EOF while parsing an object at line 1 column 1; it is kept as `[PROJECT]/sandbox_data/module_map.json.damaged`
    hint: mend it and put it back, or remove it: the next run writes the file again
    ");
    let kept = project.path().join("sandbox_data/module_map.json.damaged");
    assert_eq!(fs::read_to_string(kept).unwrap(), "{");
}

#[test]
fn the_list_of_orphans_follows_its_file() {
    let project = project();
    orphans(&project, &[("copy_of_entry.py", "failed")]);
    let file = project.path().join("sandbox_data/orphan_modules.json");
    let db = plain(&project.path().join("sandbox_data/agent.db"));
    let list = || -> String {
        let sql =
            "SELECT group_concat(module || ' ' || source || ' ' || status, ', ' ORDER BY module)
                   FROM orphan";
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    fs::write(&file, r#"{"gift.py": {"by": "me"}, "nowhere.py": {}}"#).unwrap();
    insta::assert_snapshot!(call(&project, &["build"]), @"
    exit 0
    --- stdout
    the module map has 6 modules in 2 groups
      6 new
    --- stderr
    warning: `orphan_modules.json` names `nowhere.py`, which the project does not have
    hint: what the project lacks goes when the file is written next
    ");
    assert_eq!(list(), "copy_of_entry scan failed, gift file untried");
    insta::assert_snapshot!(fs::read_to_string(&file).unwrap(), @r#"
    {
      "gift.py": {"by": "me"},
      "copy_of_entry.py": {}
    }
    "#);
    fs::write(&file, r#"["gift.py"]"#).unwrap();
    insta::assert_snapshot!(call(&project, &["build"]), @"
    exit 0
    --- stdout
    the module map has 7 modules in 2 groups
      1 new
    --- stderr
    ");
    assert_eq!(list(), "gift file untried");
    fs::remove_file(&file).unwrap();
    call(&project, &["build"]);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "{\n  \"gift.py\": {}\n}\n"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said_once_and_left() {
    let project = project();
    fs::create_dir_all(project.path().join("sandbox_data/module_map.json")).unwrap();
    insta::assert_snapshot!(call(&project, &["build"]), @"
    exit 0
    --- stdout
    the module map has 8 modules in 2 groups
      8 new
    --- stderr
    warning: cannot read `[PROJECT]/sandbox_data/module_map.json`: it is no file
    hint: it was left as it is; move it away, or make it a file that can be read
    ");
    assert!(project.path().join("sandbox_data/module_map.json").is_dir());
}

#[test]
fn a_name_that_means_nothing_is_a_usage_error_with_the_nearest() {
    let project = project();
    call(&project, &["build"]);
    insta::assert_snapshot!(call(&project, &["show", "shop.crat"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the module map has no module `shop.crat`
    hint: did you mean `shop.cart` or `shop/cart.py` or `shop.price`?
    ");
    insta::assert_snapshot!(call(&project, &["show", "77"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the module map has no group 77
    hint: `agent module-map show` lists them
    ");
    insta::assert_snapshot!(call(&project, &["integrate", "shop/cart.py"]), @"
    exit 2
    --- stdout
    --- stderr
    error: `shop/cart.py` is not on the list of orphans
    hint: only orphans that passed their last trial can join
    ");
    insta::assert_snapshot!(Project::new().call(&["module-map", "show"]), @"
    exit 4
    --- stdout
    --- stderr
    error: there is no state file `[PROJECT]/sandbox_data/agent.db`
    hint: `agent run` makes it, or name the right file with `--db FILE`
    ");
}
