#!/usr/bin/env python3
"""Makes table.txt of the register databases: generate.py FOLDER [--check]

FOLDER holds aie2-registers.json and aie2p-registers.json. Names are facts of the hardware; their sources are named in the
databases. With --check the table is only compared.
"""
import json, os, sys

HEAD = """\
# Registers of AIE2 (npu1) and AIE2P (npu4), made by generate.py: do not edit.
# Sources: AM025 register reference, mlir-aie register database, aie-rt register headers.
# F: a set of fields, NAME lsb msb ...
# R: arrays (1 npu1, 2 npu4, 3 both), tile (s shim, m memory, c core), offset, bits, access, reset, set of fields, name
"""
TILE = {"core": "c", "memory": "c", "memory_tile": "m", "shim": "s"}


def table(folder):
    sets, rows = {}, {}
    for bit, arch in ((1, "aie2"), (2, "aie2p")):
        with open(os.path.join(folder, arch + "-registers.json")) as file:
            modules = json.load(file)["modules"]
        for module, registers in modules.items():
            for r in registers:
                fields = tuple((f[0], f[1], f[2]) for f in r["fields"])
                key = tuple((n.lower(), a, b) for n, a, b in fields)
                number = sets.setdefault(key, (len(sets), fields))[0]
                reset = int(r.get("reset") or "0", 16)
                same = (TILE[module], int(r["offset"], 16), r["width"], reset, number, r["name"].lower())
                # npu4's database has no access rights: an otherwise equal register has those of npu1
                arrays, name, access = rows.get(same, (0, r["name"], r.get("access") or "-"))
                rows[same] = (arrays | bit, name, access)
    out = [HEAD]
    for number, fields in sorted(sets.values()):
        out.append(" ".join(["F"] + [f"{n} {a} {b}" for n, a, b in fields]) + "\n")
    for (tile, offset, width, reset, number, _), (arrays, name, access) in sorted(rows.items()):
        out.append(f"R {arrays} {tile} {offset:x} {width} {access} {reset:x} {number} {name}\n")
    return "".join(out)


def main():
    made = table(sys.argv[1])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "table.txt")
    if "--check" in sys.argv:
        with open(path) as file:
            sys.exit(0 if file.read() == made else f"{path} is not what the databases make")
    with open(path, "w") as file:
        file.write(made)


main()
