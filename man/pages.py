#!/usr/bin/env python3
"""Make the manual of section 3 from the public headers: pages.py FOLDER DEPFILE HEADERS

FOLDER gets the pages, DEPFILE what they were made from, for ninja; HEADERS is where the headers are.

A header is cut into BLOCKS: a comment and the declarations that stand right below it, up to the next empty line. A block with functions or
macros becomes a page, named after the first of them; the others are links to it. A block without a comment belongs to the comment that
heads its section. Each header gets a page of its own, `aeon_NAME.h`, with its opening comment and the list of what it declares.

A function that no comment describes is an error: it is named with its line, and no page is written.
"""
import os
import re
import sys

DATE = '.Dd November 21, 2026'
RULER = re.compile(r'^-{10,} *')
FUNCTION = re.compile(r'\b(aeon_\w+)\(')
MACRO = re.compile(r'#define (aeon_\w+|AEON_(?!_)\w+)\(')
NOISE = re.compile(r'\bAEON_(API|MUST_CHECK|PRINTF\([^)]*\))\s+')
LABEL = re.compile(r'^(Errors|Source):')


class Block:
    def __init__(self, line, comment, code):
        self.line, self.comment, self.code = line, comment, code
        self.names = []
        for declaration in code:
            found = MACRO.match(declaration)
            if not found and declaration.startswith('AEON_API'):
                found = FUNCTION.search(NOISE.sub('', declaration))
            if found:
                self.names.append(found.group(1))
        # What a macro of the same name calls is not called by hand.
        self.names = [n for n in self.names if not (n.endswith('_at') and n[:-3] in self.names)]


def comment_text(lines):
    text = '\n'.join(lines).strip()
    text = re.sub(r'^/\* ?', '', text)
    text = re.sub(r'\s*\*/$', '', text)
    return re.sub(r'^ ?\* ?', '', text, flags=re.M)


def declarations(lines):
    """Cut code into whole declarations and macros."""
    result, current, depth = [], [], 0
    for line in lines:
        code = re.sub(r'/\*.*?\*/|//.*|"(\\.|[^"])*"', '', line)
        current.append(line)
        depth += code.count('{') + code.count('(') - code.count('}') - code.count(')')
        macro = current[0].startswith('#')
        if (macro and not line.endswith('\\')) or (not macro and depth <= 0 and code.rstrip().endswith((';', '}'))):
            result.append('\n'.join(current))
            current, depth = [], 0
    return result + (['\n'.join(current)] if current else [])


def blocks_of(path):
    """The opening comment, and the blocks after it."""
    lines = [line for line in open(path, encoding='utf-8').read().split('\n') if line != 'extern "C" {']
    blocks, at = [], 0
    section = None
    while at < len(lines):
        first, comment, code, depth = at, [], [], 0
        if lines[at].startswith('/*'):
            while True:
                comment.append(lines[at])
                at += 1
                if comment[-1].rstrip().endswith('*/'):
                    break
        while at < len(lines) and (lines[at].strip() or depth > 0):
            if lines[at].startswith('/*') and depth == 0:
                break
            plain = re.sub(r'/\*.*?\*/|//.*|"(\\.|[^"])*"', '', lines[at])
            depth += plain.count('{') - plain.count('}')
            code.append(lines[at])
            at += 1
        text = comment_text(comment)
        if RULER.match(text):
            section = RULER.sub('', text).partition('\n')[2].strip()
            text = ''
        elif not code and text and blocks:
            section = text
        blocks.append(Block(first + 1, text or section or '', declarations(code)))
        at += at < len(lines) and not lines[at].strip()
        if at == first:
            at += 1
    return blocks[0].comment, blocks[1:]


# ---------------------------------------------------------------------- mdoc

def escaped(line):
    line = line.replace('\\', '\\e')
    return '\\&' + line if line.startswith(('.', "'")) else line


def literal(lines):
    while lines and not lines[-1].strip():
        lines.pop()
    return ['.Bd -literal -offset indent'] + [escaped(line) for line in lines] + ['.Ed']


def is_indented(line):
    return line.startswith('  ')


def sentences(lines):
    """A line for each, as mdoc wants it."""
    text = ' '.join(line.strip() for line in lines)
    return [escaped(line) for line in re.split(r'(?<=[.!?]) +(?=[^a-z0-9])|(?<=[a-z]{2}[.!?]) +', text)]


def prose(text):
    """Paragraphs; what is indented or aligned stays as it is."""
    out = []
    for paragraph in re.split(r'\n\s*\n', text):
        lines = [line.rstrip() for line in paragraph.split('\n') if line.strip()]
        if out and lines:
            out.append('.Pp')
        while lines:
            indented = is_indented(lines[0])
            count = next((i for i, line in enumerate(lines) if is_indented(line) != indented), len(lines))
            part, lines = lines[:count], lines[count:]
            if indented:
                if out and out[-1] == '.Pp':
                    out.pop()
                margin = min(len(line) - len(line.lstrip()) for line in part)
                out += literal([line[margin:] for line in part])
            else:
                out += sentences(part)
    return out


def split_labels(text):
    """The contract, and what follows `Errors:` and `Source:`, wherever they stand."""
    text = re.sub(r'(?<=[.;]) +(Errors|Source):', r'\n\n\1:', text)
    text = re.sub(r'\n(Errors|Source):', r'\n\n\1:', text)
    parts = {'': '', 'Errors': '', 'Source': ''}
    label = ''
    for paragraph in re.split(r'\n\s*\n', text):
        found = LABEL.match(paragraph)
        if found:
            label = found.group(1)
            paragraph = paragraph[len(label) + 1:]
            paragraph = paragraph if paragraph.startswith('\n') else ' ' * (len(label) + 1) + paragraph if '\n' in paragraph else paragraph.strip()
        else:
            label = ''
        parts[label] += ('\n\n' if parts[label] else '') + paragraph
    return parts


def summary(text):
    first = re.sub(r'\s+', ' ', text.split('\n\n')[0]).strip()
    first = re.split(r'(?<=[^.]{3})[.;:] |\.$', first)[0]
    return first.rstrip('.:') or 'see below'


def synopsis(block, types):
    """What one reads to call it: macros by their head, functions without the marks of the library, the structs that are passed."""
    lines = []
    for declaration in block.code:
        macro = MACRO.match(declaration)
        if macro:
            head = re.match(r'#define (\w+\([^)]*\))', declaration)
            lines.append(head.group(1))
        elif not declaration.startswith('#') and not any(declaration.find(f'{n}_at(') >= 0 for n in block.names):
            lines.append(NOISE.sub('', declaration))
    text = '\n'.join(lines)
    used = [types[name] for name in sorted(set(re.findall(r'\baeon_\w+_opts\b', '\n'.join(block.code)))) if name in types and types[name] not in text]
    return (text + ''.join('\n\n' + t for t in used)).split('\n')


def page(block, header, types, others):
    parts = split_labels(block.comment)
    first = block.names[0]
    out = ['.\\" Made from aeon/%s; see pages.py.' % header, DATE, '.Dt %s 3' % first.upper(), '.Os', '.Sh NAME']
    for name in block.names[:-1]:
        out.append('.Nm %s ,' % name)
    out += ['.Nm ' + block.names[-1], '.Nd ' + escaped(summary(parts['']))]
    out += ['.Sh LIBRARY', 'libaeon (libaeon, -laeon)', '.Sh SYNOPSIS', '.In aeon/' + header]
    out += ['.Bd -literal'] + [escaped(line) for line in synopsis(block, types)] + ['.Ed']
    out += ['.Sh DESCRIPTION'] + prose(parts[''])
    if parts['Errors']:
        out += ['.Sh ERRORS', 'What fails returns one of these, negative, with words that'] + ['.Xr aeon_error_text 3', 'gives:']
        out += prose(parts['Errors'])
    out += ['.Sh SEE ALSO'] + see_also([n for n in others if n not in block.names], header)
    if parts['Source']:
        out += ['.Sh STANDARDS'] + prose(parts['Source'])
    return '\n'.join(out) + '\n'


def see_also(names, header):
    names = sorted(set(names), key=str.lower)[:12] + ['aeon_%s' % header]
    names = sorted(names, key=str.lower)
    return ['.Xr %s 3%s' % (name, ' ,' if name != names[-1] else '') for name in names]


def overview(opening, blocks, header):
    title, _, text = opening.partition('\n')
    summary_text = title.partition(' - ')[2].rstrip('. ')
    body = '\n\n'.join(text.strip('\n').split('\n\n'))
    names = [(b.names, summary(split_labels(b.comment)[''])) for b in blocks if b.names]
    out = ['.\\" Made from aeon/%s; see pages.py.' % header, DATE, '.Dt AEON_%s 3' % header.upper(), '.Os', '.Sh NAME',
           '.Nm aeon_%s' % header, '.Nd ' + escaped(summary_text or header), '.Sh SYNOPSIS', '.In aeon/' + header, '.Sh DESCRIPTION']
    out += prose(body) if body.strip() else [escaped(summary_text) + '.']
    if names:
        out += ['.Sh FUNCTIONS', '.Bl -tag -width Ds']
        for group, words in names:
            out.append('.It ' + ' , '.join('Xr %s 3' % n for n in group))
            out.append(escaped(words) + '.')
        out.append('.El')
    return '\n'.join(out) + '\n'


def types_of(blocks):
    found = {}
    for block in blocks:
        for code in block.code:
            name = re.search(r'\}\s*(aeon_\w+);', code)
            if code.startswith('typedef struct') and name:
                found[name.group(1)] = code
    return found


def write(folder, name, text):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
        file.write(text)


def main(folder, depfile, headers):
    problems, pages, links = [], {}, {}
    headers = sorted(os.path.join(headers, name) for name in os.listdir(headers) if name.endswith('.h'))
    for path in headers:
        header = os.path.basename(path)
        opening, blocks = blocks_of(path)
        types = types_of(blocks)
        for block in blocks:
            if block.names and not block.comment:
                problems += [(name, '%s:%d: %s has no contract' % (path, block.line, name)) for name in block.names]
        everyone = [block.names[0] for block in blocks if block.names]
        pages['aeon_%s.3' % header] = overview(opening, blocks, header)
        for i, block in enumerate(b for b in blocks if b.names and b.comment):
            near = everyone[max(0, i - 4):i + 5]
            pages.setdefault(block.names[0] + '.3', page(block, header, types, near))
            for name in block.names[1:]:
                links.setdefault(name + '.3', block.names[0] + '.3')
    # A second definition, for another language, needs no second contract.
    problems = [words for name, words in problems if name + '.3' not in pages and name + '.3' not in links]
    if problems:
        sys.exit('\n'.join(problems))
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    os.utime(folder)
    for name, text in pages.items():
        write(folder, name, text)
    for name, target in links.items():
        if name not in pages:
            os.symlink(target, os.path.join(folder, name))
    with open(depfile, 'w', encoding='utf-8') as file:
        file.write('%s: %s\n' % (folder, ' '.join(headers)))


if __name__ == '__main__':
    main(*sys.argv[1:])
