#include "sim/pcap_writer.h"

#include <array>

namespace mqttlab::sim {
namespace {

constexpr std::uint32_t magic_nanoseconds = 0xA1B23C4D, linktype_raw = 101, longest_packet = 65'535;

// Little endian on every host: the same run gives the same file.
template <std::size_t n>
std::array<char, 4 * n> little_endian(const std::array<std::uint32_t, n>& words) {
  std::array<char, 4 * n> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(words[i / 4] >> (8 * (i % 4)) & 0xFF);
  return bytes;
}

}  // namespace

PcapWriter::PcapWriter(const std::string& path) : file_("pcap_path", path) {
  constexpr std::uint32_t version_2_4 = 2 | 4 << 16;
  const auto header =
      little_endian<6>({magic_nanoseconds, version_2_4, 0, 0, longest_packet, linktype_raw});
  file_.write({header.data(), header.size()});
}

void PcapWriter::packet(Bytes ip, Time at) {
  const auto size = static_cast<std::uint32_t>(ip.size());
  const auto header = little_endian<4>({static_cast<std::uint32_t>(at / second),
                                        static_cast<std::uint32_t>(at % second), size, size});
  file_.write({header.data(), header.size()});
  file_.write({reinterpret_cast<const char*>(ip.data()), ip.size()});
}

}  // namespace mqttlab::sim
