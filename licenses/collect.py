#!/usr/bin/env python3
"""Writes licenses/crates.txt: the licence texts of every crate that the program `xdna` links, each text once.

usage: collect.py [--check]     from the root of the project; --check fails where the file is not what it should be

Reads `cargo metadata`, and the licence files that crates carry (LICENSE*, COPYING*, NOTICE*, UNLICENSE*).
"""
import json
import pathlib
import subprocess
import sys

OUT = pathlib.Path(__file__).parent / "crates.txt"
NAMES = ("license", "licence", "copying", "notice", "unlicense")


def linked():
    """Names and versions of the crates in the program, without our own."""
    command = ["cargo", "tree", "--locked", "-p", "xdna-cli", "-e", "normal", "--prefix", "none", "-f", "{p}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    crates = {tuple(line.split()[:2]) for line in lines if "(/" not in line and "(proc-macro)" not in line}
    return sorted((name, version.lstrip("v")) for name, version in crates)


def main():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    lines = ["Crates that the program xdna links, with their licences as they state them.", ""]
    texts = {}
    for crate in linked():
        package = packages[crate]
        name = " ".join(crate)
        lines.append(f"{name}: {package['license'] or package['license_file']}")
        folder = pathlib.Path(package["manifest_path"]).parent
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.name.lower().startswith(NAMES):
                text = "\n".join(line.rstrip() for line in file.read_text(errors="replace").strip().splitlines())
                _, files = texts.setdefault(" ".join(text.split()), (text, []))
                files.append(f"{name} ({file.name})")
    for text, files in sorted(texts.values(), key=lambda item: item[1]):
        lines += ["", "=" * 100, *files, "=" * 100, "", text]
    content = "\n".join(lines) + "\n"
    if sys.argv[1:] == ["--check"]:
        if not OUT.exists() or OUT.read_text() != content:
            sys.exit(f"{OUT.name} is not what licenses/collect.py writes: run it")
    else:
        OUT.write_text(content)


if __name__ == "__main__":
    main()
