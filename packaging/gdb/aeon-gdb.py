"""gdb commands for programs that use Aeon: `aeon tasks`, `aeon bt TASK`. For live processes and core files; see docs/debugging.md.

DESIGN
  A parked task is a stack and the stack pointer that it was left with. Every stack lies in a slab, all slabs are in one list
  (aeon__stack_slabs), and a task's control block lies right below the `struct stack` at the top of its stack. So the walk over the
  slabs finds every task of every loop, and needs nothing but memory.

  To walk a parked stack gdb must believe that its newest frame stands there. Registers cannot be written in a core file, so an
  unwinder is put in front of gdb's own: asked for the caller of the newest frame, it answers with the registers that the switch
  saved (src/fiber/switch_*.S). What gdb then prints as the callers of the newest frame is the task's stack.
"""
import collections
import re

import gdb
import gdb.unwinder

PARKED, READY, RUNNING = 0, 1, 2  # enum fiber_state

# Where aeon__switch() has put the registers, in bytes above the saved stack pointer; `size` is what it takes off again.
SAVED = {
    "i386:x86-64": dict(pc=56, sp="rsp", size=64, registers=dict(r15=8, r14=16, r13=24, r12=32, rbx=40, rbp=48, rip=56)),
    "aarch64": dict(pc=88, sp="sp", size=176, registers=dict({"x%d" % i: 8 * (i - 19) for i in range(19, 31)}, pc=88)),
}


class Trouble(Exception):
    """What the user is told in place of a result."""


# ---------------------------------------------------------------- finding tasks


def task_type():
    if not gdb.selected_inferior().threads():
        raise Trouble("there is no process and no core file")
    try:
        return gdb.lookup_type("struct aeon_task")
    except gdb.error:
        raise Trouble(
            "no debug information of Aeon: tasks cannot be found without it. Build it with `meson setup --buildtype=debugoptimized`"
            " (the default) and do not strip it, or install the package with its debug symbols. The program's own are not enough."
        )


def slabs():
    slab = gdb.parse_and_eval("*(struct stack_slab **)&aeon__stack_slabs")
    while slab:
        if slab["memory"]:
            yield slab
        slab = slab["next_known"].cast(slab.type)


class Task:
    def __init__(self, value, stack):
        self.value, self.stack = value, stack
        self.id, self.state = int(value["id"]), int(value["fiber"]["state"])
        self.name = value["name"].string(errors="replace") or "(no name)"
        self.low, self.high = int(stack["low"]), int(stack.cast(gdb.lookup_type("unsigned long")))
        self.runner = int(value["runner"])

    def site(self):
        site = self.value["site"]
        return site.string() if site else "?"

    def doing(self):
        wait = self.value["waiting"]
        if self.state == RUNNING:
            return "running"
        if self.state == READY:
            return "ready"
        if not wait:
            return "parked"
        text = wait["what"].string()
        return "%s %#x" % (text, int(wait["object"])) if wait["object"] else text

    def age(self):
        """Since it was spawned, by the clock that its loop last looked at; "" when this build does not keep it."""
        try:
            ns = int(self.value["runner"]["sched"]["time"]) - int(self.value["spawned_at"])
        except gdb.error:
            return ""
        s = ns // 10**9
        return "%d ms" % (ns // 10**6) if s < 1 else "%d s" % s if s < 120 else "%d min" % (s // 60)

    def owns(self, address):
        return self.low <= address < self.high


def tasks():
    """All live tasks, and how many stacks could not be read."""
    found, unreadable = [], 0
    task = task_type()
    record = gdb.lookup_type("struct stack")
    for slab in slabs():
        top = int(slab["memory"]) + int(slab["stack_size"]) - record.sizeof
        for i in range(int(slab["carved"])):
            stack = gdb.Value(top + i * int(slab["stack_size"])).cast(record.pointer())
            try:
                if not stack["pool"]:  # what a core file lacks may read as zeros
                    unreadable += 1
                elif stack["used"]:
                    block = (int(stack) - task.sizeof) & ~15
                    found.append(Task(gdb.Value(block).cast(task.pointer()).dereference(), stack))
            except gdb.MemoryError:
                unreadable += 1
    return sorted(found, key=lambda t: (t.runner, t.id)), unreadable


def warn_unreadable(count):
    if count:
        print(
            "%d stacks could not be read: this core file lacks their memory. gdb's own generate-core-file (gcore) leaves out what is"
            " near a guard page; a core that the kernel wrote is whole." % count
        )


def find_task(words):
    all_tasks, unreadable = tasks()
    found = [t for t in all_tasks if str(t.id) == words or t.name == words]
    if not found:
        warn_unreadable(unreadable)
        raise Trouble('no task has the name or number "%s"; `aeon tasks` lists them' % words)
    if len(found) > 1:
        raise Trouble('"%s" is the name of several tasks: %s' % (words, ", ".join(str(t.id) for t in found)))
    return found[0]


# ---------------------------------------------------------------- walking a stack


def architecture():
    return gdb.newest_frame().architecture().name()


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Redirect(gdb.unwinder.Unwinder):
    """While `saved` is set, the caller of the newest frame is what aeon__switch() saved there."""

    def __init__(self):
        super().__init__("aeon")
        self.saved = None

    def __call__(self, pending):
        if self.saved is None:
            return None
        saved, self.saved = self.saved, None  # the newest frame only: gdb asks for it first
        layout = SAVED[pending.architecture().name()]
        word = gdb.lookup_type("unsigned long")
        info = pending.create_unwind_info(FrameId(gdb.Value(saved).cast(word), gdb.Value(0).cast(word)))
        for name, offset in layout["registers"].items():
            at = gdb.Value(saved + offset).cast(word.pointer())
            info.add_saved_register(name, at.dereference())
        info.add_saved_register(layout["sp"], gdb.Value(saved + layout["size"]).cast(word))
        return info


redirect = Redirect()
gdb.unwinder.register_unwinder(None, redirect, replace=True)


def backtrace_saved(sp, arguments):
    try:
        gdb.invalidate_cached_frames()
        redirect.saved = sp
        arguments = re.sub(r"^\d+$", lambda count: str(int(count[0]) + 1), arguments)
        lines = gdb.execute("backtrace " + arguments, to_string=True)
    finally:
        redirect.saved = None
        gdb.invalidate_cached_frames()
    # Number 0 is the thread's own newest frame and has nothing to do with the task.
    lines = lines[lines.index("\n#1 ") + 1 :] if "\n#1 " in lines else "its stack cannot be walked\n"
    print(re.sub(r"^#(\d+) +", lambda number: "#%-3d" % (int(number[1]) - 1), lines, flags=re.MULTILINE), end="")


def backtrace_running(task, arguments):
    """A running task is on a thread, or runs a loop inside its own and stands where that was entered."""
    before = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if task.owns(int(gdb.newest_frame().read_register("sp"))):
                print("it runs on thread %d" % thread.num)
                gdb.execute("backtrace " + arguments)
                return
    finally:
        before.switch()
    for other in tasks()[0]:
        sp = int(other.value["runner"]["sched"]["main"]["sp"])
        if task.owns(sp):
            print("it runs the loop of task %d inside its own" % other.id)
            backtrace_saved(sp, arguments)
            return
    raise Trouble("it runs, but no thread stands on its stack")


def has_begun(sp):
    """It was left by aeon__switch(), and does not just stand at the first instruction."""
    at = gdb.Value(sp + SAVED[architecture()]["pc"]).cast(gdb.lookup_type("unsigned long").pointer())
    return int(at.dereference()) != int(gdb.parse_and_eval("(unsigned long)&aeon__fiber_entry"))


def backtrace(task, arguments):
    print('task %d "%s" (%s): %s' % (task.id, task.name, task.site(), task.doing()))
    if architecture() not in SAVED:
        raise Trouble("stacks cannot be walked on %s" % architecture())
    sp = int(task.value["fiber"]["context"]["sp"])
    if task.state == RUNNING:
        backtrace_running(task, arguments)
    elif has_begun(sp):
        backtrace_saved(sp, arguments)
    else:
        print("it has not begun; it will run %s" % task.value["fn"])


# ---------------------------------------------------------------- commands


class Aeon(gdb.Command):
    """Look into the tasks of a program that uses Aeon: `aeon tasks`, `aeon bt TASK`."""

    def __init__(self):
        super().__init__("aeon", gdb.COMMAND_STACK, prefix=True)


class Command(gdb.Command):
    def __init__(self, name):
        super().__init__("aeon " + name, gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        try:
            self.run(gdb.string_to_argv(argument))
        except Trouble as trouble:
            raise gdb.GdbError("aeon: %s" % trouble)


class Tasks(Command):
    """List the tasks of every loop: aeon tasks [LIMIT]

    Number, name, what it does or waits for, how long it has lived, where it was spawned. LIMIT: how many at most; 1000."""

    def run(self, words):
        all_tasks, unreadable = tasks()
        limit, loop = int(words[0]) if words else 1000, None
        width = max([4] + [len(t.name) for t in all_tasks[:limit]])
        counts = collections.Counter(t.runner for t in all_tasks)
        for t in all_tasks[:limit]:
            if t.runner != loop:
                loop = t.runner
                print("loop %#x, %d tasks" % (loop, counts[loop]))
            print("%8d  %-*s  %-28s  %8s  %s" % (t.id, width, t.name, t.doing(), t.age(), t.site()))
        if len(all_tasks) > limit:
            print("and %d more" % (len(all_tasks) - limit))
        if not all_tasks:
            print("no tasks")
        warn_unreadable(unreadable)


class Backtrace(Command):
    """Show the stack of a task: aeon bt TASK|all [BACKTRACE-OPTION]...

    TASK is a number or a name from `aeon tasks`; options are those of `backtrace`, like -full."""

    def run(self, words):
        if not words:
            raise Trouble("which task? `aeon tasks` lists them, `aeon bt all` shows every stack")
        arguments = " ".join(words[1:])
        if words[0] != "all":
            backtrace(find_task(words[0]), arguments)
            return
        all_tasks, unreadable = tasks()
        for task in all_tasks:
            try:
                backtrace(task, arguments)
            except (Trouble, gdb.MemoryError) as trouble:
                print(trouble)
            print()
        warn_unreadable(unreadable)


Aeon()
Tasks("tasks")
Backtrace("bt")
