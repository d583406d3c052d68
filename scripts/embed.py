"""embed.py NAME IN OUT: a file as the constant text NAME of a C file.

For a page that never changes, NAME_hashes names what stands between its <script> and <style> tags as a Content-Security-Policy wants it."""
import base64
import hashlib
import re
import sys


def literal(text):
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "?": "\\?"})
    return "".join('        "%s"\n' % line.translate(escapes) for line in text.splitlines(keepends=True))


def hashes(page, tag):
    found = re.findall("<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found)
    return "%s-src %s" % (tag, " ".join("'sha256-%s'" % digest for digest in digests)) if found else ""


name, source, target = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    page = f.read()
policy = "; ".join(filter(None, (hashes(page, tag) for tag in ("script", "style"))))
with open(target, "w", encoding="utf-8") as f:
    f.write("extern const char %s[], %s_hashes[];\n" % (name, name))
    f.write("const char %s[] =\n%s        ;\n" % (name, literal(page)))
    f.write("const char %s_hashes[] =\n%s        ;\n" % (name, literal(policy) or '        ""\n'))
