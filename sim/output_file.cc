#include "sim/output_file.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace mqttlab::sim {

OutputFile::OutputFile(std::string what, std::string path)
    : what_(std::move(what)), path_(std::move(path)), buffer_(1 << 16) {
  file_.rdbuf()->pubsetbuf(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  errno = 0;
  file_.open(path_, std::ios::binary | std::ios::trunc);
  if (!file_)
    throw std::invalid_argument(what_ + " '" + path_ + "' cannot be written: " +
                                std::strerror(errno) + "; name a file in an existing directory");
}

void OutputFile::flush() {
  if (!file_.flush())
    throw std::runtime_error(what_ + " '" + path_ +
                             "': writing failed; is the disk full? It is not complete");
}

}  // namespace mqttlab::sim
