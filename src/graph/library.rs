//! Modules of the standard library that a module of a project cannot take the place of.

/// The modules that Python and pytest have loaded before any test, whatever their version: an import
/// of such a name gives the library's module, wherever on `sys.path` another one lies.
const LOADED: [&str; 86] = [
    "abc",
    "argparse",
    "ast",
    "atexit",
    "bdb",
    "binascii",
    "bisect",
    "builtins",
    "bz2",
    "cmd",
    "code",
    "codecs",
    "codeop",
    "collections",
    "contextlib",
    "copy",
    "copyreg",
    "datetime",
    "decimal",
    "dis",
    "email",
    "encodings",
    "enum",
    "errno",
    "faulthandler",
    "fnmatch",
    "functools",
    "gc",
    "genericpath",
    "gettext",
    "glob",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "linecache",
    "locale",
    "logging",
    "lzma",
    "marshal",
    "math",
    "ntpath",
    "numbers",
    "opcode",
    "operator",
    "os",
    "pathlib",
    "pdb",
    "platform",
    "posix",
    "posixpath",
    "pprint",
    "pyexpat",
    "random",
    "re",
    "reprlib",
    "select",
    "selectors",
    "shlex",
    "shutil",
    "signal",
    "site",
    "stat",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "token",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "warnings",
    "weakref",
    "xml",
    "zipfile",
    "zipimport",
    "zlib",
];

/// True for the first part of a name that the standard library has taken already.
pub(super) fn is_taken(first: &str) -> bool {
    LOADED.binary_search(&first).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted_to_be_found() {
        assert!(LOADED.is_sorted());
        assert!(is_taken("json") && is_taken("types"));
        assert!(!is_taken("statistics") && !is_taken("app"));
    }
}
