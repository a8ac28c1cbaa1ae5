#include "protocol/live/bench/process.h"

#include <fmt/format.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace mqttlab::bench {

// The clock of a process counts nanoseconds; /proc/PID/stat counts ticks of 10 ms.
Process::Process(int pid) : pid_(pid == 0 ? getpid() : pid) {
  clockid_t clock{};
  if (clock_getcpuclockid(pid_, &clock) != 0)
    throw std::runtime_error(fmt::format("--broker-pid {}: there is no such process", pid));
  clock_ = clock;
}

Time Process::cpu_time() const {
  timespec used{};
  if (clock_gettime(clock_, &used) != 0) return 0;
  return used.tv_sec * second + used.tv_nsec;
}

std::uint64_t Process::resident_bytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace mqttlab::bench
