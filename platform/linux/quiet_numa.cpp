// libnuma calls these where something is wrong, and has weak ones of its own that write to stderr, or end the
// process if numa_exit_on_error is set. It reads /proc and /sys before main() begins, when there is no log
// yet. tierd takes nothing from libnuma but system calls, which report errno, so there is nothing to tell.
extern "C" {

void numa_error(char* /*where*/) {}
void numa_warn(int /*number*/, char* /*format*/, ...) {}

}  // extern "C"
