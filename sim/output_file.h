// OutputFile: a file that a run writes, with errors that say which and why.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace mqttlab::sim {

class OutputFile {
 public:
  /// `what` names it in errors. Throws std::invalid_argument if it cannot be written.
  OutputFile(std::string what, std::string path);
  void write(std::string_view bytes) {
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  /// Throws std::runtime_error if the file could not take everything.
  void flush();

 private:
  std::string what_, path_;
  std::vector<char> buffer_;
  std::ofstream file_;
};

}  // namespace mqttlab::sim
