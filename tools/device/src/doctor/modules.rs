//! Whether the kernel has the driver, and what keeps it from being loaded.

use std::io::Read;

use super::root::Root;

/// The driver's option in a kernel's configuration.
pub(crate) const OPTION: &str = "CONFIG_DRM_ACCEL_AMDXDNA";

/// What is known about the module `amdxdna`.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    pub(crate) is_loaded: bool,
    /// The loaded one is not of the kernel's tree.
    pub(crate) is_foreign: bool,
    /// Files of it for this kernel, below the kernel's module directory.
    pub(crate) files: Vec<String>,
    pub(crate) is_builtin: bool,
    /// The kernel's module directory was there to be looked at.
    pub(crate) has_directory: bool,
    /// Its option in the kernel's configuration, `y`, `m` or `n`, and the file that says so.
    pub(crate) option: Option<(char, String)>,
    /// Lines of modprobe's files that hand devices to vfio-pci by their ids.
    pub(crate) vfio_ids: Vec<String>,
    /// What forbids loading it: a line of a file, or of the kernel's command line.
    pub(crate) blacklisted: Vec<String>,
}

impl Modules {
    pub(crate) fn gather(root: &Root, release: Option<&str>, cmdline: &[String]) -> Self {
        let dirs = release.map(|r| [format!("lib/modules/{r}"), format!("usr/lib/modules/{r}")]);
        let dir = dirs.into_iter().flatten().find(|dir| root.exists(dir));
        let list = |name: &str| {
            let text = dir.as_ref().and_then(|dir| root.read(&format!("{dir}/{name}")));
            let text = text.unwrap_or_default();
            let paths = text
                .lines()
                .map(|line| line.split(':').next().unwrap_or(line).trim().to_owned());
            paths.filter(|path| is_ours(path)).collect::<Vec<_>>()
        };
        let taint = root.read("sys/module/amdxdna/taint").unwrap_or_default();
        Self {
            is_loaded: root.exists("sys/module/amdxdna"),
            is_foreign: taint.contains('O'),
            files: list("modules.dep"),
            is_builtin: !list("modules.builtin").is_empty(),
            has_directory: dir.is_some(),
            option: option(root, release, dir.as_deref()),
            vfio_ids: vfio_ids(root),
            blacklisted: blacklisted(root, cmdline),
        }
    }

    /// The file that `modprobe` would take, if it is none of the kernel's tree although that has one.
    pub(crate) fn shadow(&self) -> Option<&str> {
        let in_tree = self.files.iter().any(|file| is_in_tree(file));
        self.files
            .iter()
            .find(|file| !is_in_tree(file) && in_tree)
            .map(String::as_str)
    }
}

fn is_in_tree(file: &str) -> bool {
    file.starts_with("kernel/drivers/")
}

fn is_ours(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_prefix("amdxdna.ko")
        .is_some_and(|end| matches!(end, "" | ".xz" | ".zst" | ".gz"))
}

fn option(root: &Root, release: Option<&str>, dir: Option<&str>) -> Option<(char, String)> {
    let paths = release
        .map(|r| format!("boot/config-{r}"))
        .into_iter()
        .chain(dir.map(|dir| format!("{dir}/config")));
    let plain = paths.filter_map(|path| Some((root.read(&path)?, format!("/{path}"))));
    let packed = || {
        let bytes = root.bytes("proc/config.gz")?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .ok()?;
        Some((text, "/proc/config.gz".to_owned()))
    };
    let (text, path) = plain.into_iter().next().or_else(packed)?;
    let set = text
        .lines()
        .find_map(|line| line.strip_prefix(OPTION)?.strip_prefix('='));
    let value = set.and_then(|value| value.chars().next()).unwrap_or('n');
    Some((value, path))
}

/// Where modprobe is told what to do.
const MODPROBE: [&str; 4] = [
    "etc/modprobe.d",
    "run/modprobe.d",
    "usr/lib/modprobe.d",
    "lib/modprobe.d",
];

fn vfio_ids(root: &Root) -> Vec<String> {
    let files = MODPROBE.iter().flat_map(|dir| {
        let names = root.names(dir).into_iter().filter(|name| name.ends_with(".conf"));
        names.map(move |name| format!("{dir}/{name}"))
    });
    let lines = files.flat_map(|file| {
        let text = root.read(&file).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| {
            line.starts_with("options vfio-pci") && line.contains("ids=") && line.contains("1022:")
        });
        lines.map(|line| format!("/{file}: {line}")).collect::<Vec<_>>()
    });
    lines.collect()
}

fn blacklisted(root: &Root, cmdline: &[String]) -> Vec<String> {
    let named = |list: &str| list.split(',').any(|name| name == "amdxdna");
    let kernel = cmdline.iter().filter(|word| {
        let lists = ["module_blacklist=", "modprobe.blacklist="];
        lists.iter().any(|key| word.strip_prefix(key).is_some_and(named))
    });
    let mut found: Vec<_> = kernel
        .map(|word| format!("kernel command line: {word}"))
        .collect();
    for dir in MODPROBE {
        for name in root.names(dir).into_iter().filter(|name| name.ends_with(".conf")) {
            let text = root.read(&format!("{dir}/{name}")).unwrap_or_default();
            for line in text.lines().map(str::trim) {
                let order = line.split('#').next().unwrap_or_default();
                let words: Vec<_> = order.split_whitespace().collect();
                let forbids = match words[..] {
                    ["blacklist", "amdxdna"] => true,
                    // Something else is run instead of loading it.
                    ["install", "amdxdna", program, ..] => {
                        matches!(program.rsplit('/').next(), Some("false" | "true" | ":"))
                    }
                    _ => false,
                };
                if forbids {
                    found.push(format!("/{dir}/{name}: {line}"));
                }
            }
        }
    }
    found.dedup_by_key(|line| line.replace("/usr/lib/", "/lib/"));
    found
}
