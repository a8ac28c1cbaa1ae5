// How many sockets and files a process may have open.
#pragma once

#include <cstddef>

namespace mqttlab::live {

/// Raises the soft limit of open files as far as `wanted` needs; returns the limit that is in force
/// then, which may be less: the hard limit is the administrator's.
std::size_t raise_open_files(std::size_t wanted);

}  // namespace mqttlab::live
