# Computes the Merkle root of a CSV report of batchcall: python3 report-root.py report.csv
import csv, hashlib, struct, sys

csv.field_size_limit(1 << 30)

def sha(data):
    return hashlib.sha256(data).digest()

def leaf(key, cells):
    fields = [f.encode() for f in [key, *cells]]
    return sha(b"\x00" + b"".join(struct.pack(">I", len(f)) + f for f in fields))

trees = []  # perfect trees, the largest first: (number of leaves, root)
with open(sys.argv[1], encoding="utf-8-sig", newline="") as f:
    for number, cells in enumerate(csv.reader(f, strict=True)):
        if number == 0:
            key, at = "", cells[:-10].index("_id") if "_id" in cells[:-10] else None
        else:
            key = str(number) if at is None or cells[at] == "" else cells[at]
        trees.append((1, leaf(key, cells)))
        while len(trees) > 1 and trees[-2][0] == trees[-1][0]:
            (n, left), (_, right) = trees[-2:]
            trees[-2:] = [(2 * n, sha(b"\x01" + left + right))]
root = trees.pop()[1]
while trees:
    root = sha(b"\x01" + trees.pop()[1] + root)
print(root.hex())
