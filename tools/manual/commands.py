"""What a program says of its own command line (tierd/cli/command_description.h), in the form that pages and completion need."""

import json
import pathlib
import re
import subprocess


class Option:
    def __init__(self, raw):
        self.names = raw["names"]
        self.place = raw["place"]
        self.text = raw["text"]
        self.required = raw["required"]
        self.takes_value = raw["value"]
        self.many = raw["many"]
        self.default = raw["default"]
        # CLI11: "TEXT:{auto,always,never}", "UINT:from 1 to 4096", "UINT:INT in [1 - 1024]".
        base, _, bounds = raw["type"].partition(":")
        if " in [" in base:
            base, bounds = base.split(" in ")[0], base
        self.number = base in ("INT", "UINT", "FLOAT")
        words = re.fullmatch(r"\{(.*)\}", bounds)
        self.choices = words[1].split(",") if words else []
        self.bounds = "" if words else re.sub(r"^\w+ in \[(.*) - (.*)\]$", r"from \1 to \2", bounds)

    @property
    def is_help(self):
        return "--help" in self.names

    @property
    def value(self):
        """The word that stands for the value."""
        if self.place:
            return self.place.upper()
        if self.choices:
            return "|".join(self.choices)
        if self.kind in ("file", "folder", "pid"):
            return self.kind.upper()
        if self.number:
            return "N"
        return self.names[-1].lstrip("-").upper().replace("-", "_")

    @property
    def kind(self):
        """What completion offers for the value: words, rights, pid, folder, file or nothing."""
        if self.choices:
            return "words"
        if self.text.lower().startswith("folder"):
            return "folder"
        return KINDS.get(self.place or self.names[-1], "")

    def sentence(self):
        """Description, bounds and default as one text."""
        text = self.text.strip()
        bounds = "" if self.kind == "pid" else re.sub(r"e\+0*", "e", self.bounds)
        if bounds and bounds not in text:
            text += f" ({bounds})" if text else bounds.capitalize()
        if self.default and self.takes_value and self.default not in ("0", '""', "[]"):
            text += ("; " if text else "") + f"default: {self.default}"
        return text


# Values that completion knows something of, by the name of the option or of the place.
KINDS = {
    "NAME": "rights", "PID": "pid", "--pid": "pid", "FILE": "file", "ADDRESS": "", "CONTROL": "",
    "--output": "file", "--out": "file", "--config": "file", "--socket": "file", "--plot": "file", "--machine": "file", "--model": "file",
    "--plots": "folder", "--root": "folder", "folder": "folder", "suite": "file", "workload": "file", "model": "file",
}


class Command:
    def __init__(self, raw, path):
        self.path = path  # the program's name first
        self.text = raw["text"].strip()
        self.footer = raw["footer"].strip()
        every = [Option(option) for option in raw["options"]]
        self.options = [option for option in every if option.names]
        self.places = [option for option in every if not option.names]
        self.commands = [Command(sub, path + [sub["name"]]) for sub in raw["commands"]]

    @property
    def name(self):
        return " ".join(self.path)

    def all(self):
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.all()

    def usage(self):
        """What follows the name in a synopsis: places, and a word for options or commands."""
        words = ["[OPTIONS]"] if any(not option.is_help and not option.required for option in self.options) else []
        words += [f"{option.names[0]} {option.value}" for option in self.options if option.required]
        for place in self.places:
            word = place.value + ("..." if place.many else "")
            words.append(word if place.required else f"[{word}]")
        if self.commands:
            words.append("COMMAND")
        return " ".join(words)


class Program(Command):
    """`path` is the built program, which is asked."""

    def __init__(self, path):
        path = pathlib.Path(path)
        said = subprocess.run([path, "--describe-commands"], check=True, stdout=subprocess.PIPE, text=True).stdout
        raw = json.loads(said)
        super().__init__(raw, [path.name])
        self.keys = raw.get("keys", [])
        # "tierctl: watch and steer tierd": its name stands before it already.
        self.text = self.text.removeprefix(f"{path.name}: ")
        # CLI11 hands the program's footer down to every command.
        for command in self.all():
            if command is not self and command.footer == self.footer:
                command.footer = ""
        self.fallthrough = raw["fallthrough"]  # options of the program may also follow its commands
