"""The audit events of Python that the guard acts on, and those that the fences raise.

What is not here changes nothing outside of the process, or raises another event before it does.
"""

# The paths that an event writes to: the position of the path, the position of its folder's
# descriptor (None: it has none), and True if a link at its end is followed.
WRITES = {
    "os.chflags": ((0, None, True),),
    "os.lchflags": ((0, None, False),),
    "os.chmod": ((0, 2, True),),
    "os.chown": ((0, 3, True),),
    "os.lchown": ((0, None, False),),
    "os.link": ((0, 2, False), (1, 3, False)),
    "os.mkdir": ((0, 2, False),),
    "os.mkfifo": ((0, 1, False),),
    "os.mknod": ((0, 1, False),),
    "os.open": ((0, 1, True),),
    "os.remove": ((0, 1, False),),
    "os.removexattr": ((0, None, True),),
    "os.rename": ((0, 2, False), (1, 3, False)),
    "os.rmdir": ((0, 1, False),),
    "os.setxattr": ((0, None, True),),
    "os.symlink": ((1, 2, False),),
    "os.truncate": ((0, None, True),),
    "os.utime": ((0, 3, True),),
    "_dbm.open": ((0, None, True),),
    "_gdbm.open": ((0, None, True),),
    "readline.append_history_file": ((0, None, True),),
    "readline.write_history_file": ((0, None, True),),
    "ssl.keylog_filename": ((0, None, True),),
    "shutil.chown": ((0, None, True),),
    "shutil.copyfile": ((1, None, True),),
    "shutil.copymode": ((1, None, True),),
    "shutil.copystat": ((1, None, True),),
    "shutil.copytree": ((1, None, True),),
    "shutil.make_archive": ((0, None, True),),
    "shutil.move": ((0, None, False), (1, None, True)),
    "shutil.rmtree": ((0, 1, False),),
    "shutil.unpack_archive": ((1, None, True),),
}
STARTS = (
    "os.exec os.fork os.fork1 os.forkpty os.posix_spawn os.spawn os.startfile os.startfile/2 "
    "os.system pty.spawn subprocess.Popen _posixsubprocess.fork_exec sys.remote_exec "
    "cpython.PyInterpreterState_New"  # Audit hooks hold in one interpreter only.
).split()
NETWORK = (
    "socket.bind socket.connect socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname "
    "socket.getnameinfo socket.listen socket.sendmsg socket.sendto socket.sethostname syslog.syslog "
    "_tkinter.create"
).split()
CHANGES = (
    "_multiprocessing.sem_unlink _posixshmem.shm_open _posixshmem.shm_unlink os.setpriority "
    "os.sched_setaffinity os.sched_setparam os.sched_setscheduler resource.prlimit time.clock_settime "
    "time.clock_settime_ns sqlite3.enable_load_extension sqlite3.load_extension fcntl.ioctl"
).split()
# What they let code do is not seen.
UNSEEN = (
    "ctypes.addressof ctypes.call_function ctypes.cdata ctypes.cdata/buffer ctypes.dlopen ctypes.dlsym "
    "ctypes.dlsym/handle ctypes.PyObj_FromPtr ctypes.string_at ctypes.wstring_at "
    "ctypes.memoryview_at gc.get_objects gc.get_referents gc.get_referrers"
).split()
NATIVE = "ctypes _ctypes cffi _cffi_backend".split()
# Requests of `ioctl` that change a terminal, though their number does not say so.
TERMINAL = [0x5402, 0x5403, 0x5404, 0x5406, 0x5407, 0x5408, 0x5410, 0x5412, 0x5414, 0x541D, 0x5423]
SET_OWNER = [8, 15]  # F_SETOWN, F_SETOWN_EX

DEVICES = [b"/dev/null", b"/dev/zero", b"/dev/full", b"/dev/stdout", b"/dev/stderr"]
MOST_TOUCHES = 100
MOST_NOTES = 1000
