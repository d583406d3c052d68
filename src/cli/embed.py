"""embed.py NAME IN OUT: a file as the constant text NAME of a C file."""
import sys

name, source, target = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    lines = f.read().splitlines(keepends=True)
escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "?": "\\?"})
with open(target, "w", encoding="utf-8") as f:
    f.write("extern const char %s[];\nconst char %s[] =\n" % (name, name))
    f.writelines('        "%s"\n' % line.translate(escapes) for line in lines)
    f.write("        ;\n")
