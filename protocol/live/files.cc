#include "protocol/live/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace mqttlab::live {

std::string read_file(const std::string& path, const std::string& what) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad())
    throw std::runtime_error(what + ": cannot read '" + path + "': " + std::strerror(errno));
  return text;
}

void write_private_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const auto fail = [&](int file) {
    const std::string why = std::strerror(errno);
    if (file >= 0) ::close(file);
    ::unlink(fresh.c_str());
    throw std::runtime_error("cannot write '" + path + "': " + why);
  };
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) fail(file);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t put = ::write(file, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(file);
    done += static_cast<std::size_t>(put);
  }
  if (::fsync(file) != 0) fail(file);
  ::close(file);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) fail(-1);
}

}  // namespace mqttlab::live
