"""The files of a new project as C text: embed.py OUTPUT DESTINATION=FILE... (a destination that ends in * becomes executable)."""
import pathlib
import sys


def literal(text):
    for line in text.splitlines(keepends=True):
        escaped = line.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n').replace('\t', '\\t')
        yield f'          "{escaped}"\n'


rows = []
for argument in sys.argv[2:]:
    destination, source = argument.split('=', 1)
    mode = '0777' if destination.endswith('*') else '0666'
    rows.append(f'        {{ "{destination.rstrip("*")}",\n')
    rows.extend(literal(pathlib.Path(source).read_text()))
    rows.append(f'          , {mode} }},\n')

pathlib.Path(sys.argv[1]).write_text('#include "cli/templates.h"\n\n#include <stddef.h>\n\n'
                                     'const struct template project_templates[] = {\n' + ''.join(rows) + '        { 0 },\n};\n')
