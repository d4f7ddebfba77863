"""Manual pages in the man(7) language, which man-db and mandoc read alike."""

import re
import textwrap

import prose


def literal(text):
    """As it is typed: no hyphen may become a dash, no backslash an escape."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")


def running(text):
    """Running text; what stands between backticks, and every option, is set as it is typed."""
    out = []
    for at, part in enumerate(text.split("`")):
        if at % 2:
            out.append(f"\\fB{literal(part)}\\fR")
        else:
            part = part.replace("\\", "\\e").replace("'", "\\(aq")
            out.append(re.sub(r"(?<![\w-])--?[a-z][a-z-]*", lambda option: f"\\fB{literal(option[0])}\\fR", part))
    return "".join(out)


def lines(text):
    """Wrapped, for mandoc asks for lines of the source below 80; none begins with a control character."""
    wrapped = textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in wrapped)


class Page:
    def __init__(self, name, section, title, version, date):
        self.name, self.section = name, section
        self.parts = [f'.TH "{name.upper()}" {section} "{date}" "tierd {version}" "tierd"', ".SH NAME",
                      lines(f"{literal(name)} \\- {running(title)}")]

    def heading(self, text):
        self.parts.append(f".SH {text}")

    def subheading(self, text):
        self.parts.append(f'.SS "{literal(text)}"')

    def paragraph(self, text):
        self.begin_paragraph()
        self.parts.append(lines(running(text)))

    def begin_paragraph(self):
        if not self.parts[-1].startswith((".SH", ".SS")):
            self.parts.append(".PP")

    def item(self, term, text):
        self.parts += [".TP", f"\\fB{literal(term)}\\fR", lines(running(text)) if text else "\\&"]

    def block(self, text):
        """Lines that stay as they are."""
        self.begin_paragraph()
        self.parts += [".in +4n", ".nf"] + ["\\&" + literal(line) for line in text.strip("\n").split("\n")] + [".fi", ".in"]

    def synopsis(self, words):
        if self.parts[-1] != ".SH SYNOPSIS":
            self.parts.append(".br")
        self.parts.append(lines(f"\\fB{literal(words[0])}\\fR {literal(words[1])}".strip()))

    def see_also(self, names):
        self.heading("SEE ALSO")
        self.parts.append(",\n".join(f"\\fB{literal(name)}\\fR({section})" for name, section in names))

    def prose(self, sections):
        """Sections written by hand (prose.py): strings are paragraphs, pairs are terms, a list of lines is shown as it is."""
        for title, parts in sections:
            self.heading(title)
            for part in parts:
                if isinstance(part, tuple):
                    self.item(*part)
                elif isinstance(part, list):
                    self.block("\n".join(part))
                else:
                    self.paragraph(part)

    def text(self):
        return "\n".join(self.parts) + "\n"


def show_options(page, command, places=True):
    for place in command.places if places else []:
        page.item(place.value, place.sentence())
    for option in command.options:
        if option.is_help and len(command.path) > 1:
            continue  # every command has it; told once, of the program
        names = ", ".join(option.names)
        page.item(f"{names} {option.value}" if option.takes_value else names, option.sentence())


def show_command(page, command):
    page.subheading(f"{command.name} {command.usage()}".strip())
    page.paragraph(sentence(command.text))
    show_options(page, command)
    if command.footer:
        page.paragraph(command.footer)


def sentence(text):
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def names_below(program):
    """The pages of a program's commands, where it has them."""
    return [("-".join(command.path), 1) for command in program.commands]


class Book:
    def __init__(self, version, date):
        self.version, self.date = version, date

    def page(self, name, section, title):
        return Page(name, section, title, self.version, self.date)

    def program(self, program, section):
        """One page with everything, of programs whose commands have no page of their own."""
        page = self.page(program.name, section, program.text)
        page.heading("SYNOPSIS")
        for command in [each for each in program.all() if not each.commands]:
            page.synopsis((command.name, command.usage()))
        page.prose(prose.before.get(program.name, []))
        if program.commands:
            page.heading("COMMANDS")
            for command in [each for each in program.all() if each is not program]:
                show_command(page, command)
        page.heading("OPTIONS")
        show_options(page, program)
        page.prose(prose.after.get(program.name, []))
        page.see_also(prose.see_also[program.name])
        return page

    def overview(self, program):
        """The page of a program whose commands have pages: what there is, and the options of all of them."""
        page = self.page(program.name, 1, program.text)
        page.heading("SYNOPSIS")
        page.synopsis((program.name, "[OPTIONS] COMMAND"))
        page.prose(prose.before.get(program.name, []))
        page.heading("COMMANDS")
        page.paragraph(f"Each has a page of its own, for example `{names_below(program)[0][0]}`(1).")
        for command in program.commands:
            page.item(f"{command.name.split(' ', 1)[1]} {command.usage()}".strip(), sentence(command.text))
        page.heading("OPTIONS")
        page.paragraph("They may also follow the command.")
        show_options(page, program)
        page.prose(prose.after.get(program.name, []))
        page.see_also(names_below(program) + prose.see_also[program.name])
        return page

    def group(self, program, command):
        name = "-".join(command.path)
        page = self.page(name, 1, command.text)
        page.heading("SYNOPSIS")
        for each in [each for each in command.all() if not each.commands]:
            page.synopsis((each.name, each.usage()))
        page.heading("DESCRIPTION")
        page.paragraph(sentence(command.text))
        for part in prose.commands.get(name, []):
            page.paragraph(part)
        if command.commands:
            page.heading("COMMANDS")
            for each in [each for each in command.all() if each is not command]:
                show_command(page, each)
        if command.places or any(not option.is_help for option in command.options):
            page.heading("OPTIONS")
            show_options(page, command)
        page.heading("SEE ALSO")
        page.parts.append(f"\\fB{literal(program.name)}\\fR(1) has the options of all commands and the exit status;\n\\fBtierd\\fR(8).")
        return page

    def configuration(self, keys, sample):
        """tierd.toml(5): the order of keys, their defaults and the table of sections come from the daemon, the words from the sample file."""
        page = self.page("tierd.toml", 5, "configuration of tierd")
        page.prose(prose.before["tierd.toml"])
        section = None
        for key in keys:
            name = key["name"].removesuffix(".*")
            table, _, short = name.rpartition(".")
            if table != section:
                page.heading(f"SECTION [{table}]" if table else "WITHOUT A SECTION")
                section = table
            default = key["default"] or "{}"
            page.item(f"{short} = {default}", sample[name])
        page.prose(prose.after["tierd.toml"])
        page.see_also(prose.see_also["tierd.toml"])
        return page


def sample_words(text):
    """The comment above each key of the sample file, by the key's dotted name."""
    words, comment, table = {}, [], ""
    for line in text.splitlines():
        heading, key = re.fullmatch(r"\[(.*)\]", line), re.match(r"(\w+) = ", line)
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif heading:
            table = heading[1] + "."
            comment = []
        elif key:
            words[table + key[1]] = " ".join(comment)
            comment = []
        else:
            comment = []
    return words
