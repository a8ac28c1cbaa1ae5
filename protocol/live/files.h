// Files that programs are given by name.
#pragma once

#include <string>

namespace mqttlab::live {

/// The whole file. Throws std::runtime_error naming `what`, the file and why it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path, const std::string& what);
/// Replaces the file in one step, readable by its owner only; throws likewise.
void write_private_file(const std::string& path, const std::string& text);

}  // namespace mqttlab::live
