// Runs many randomised worlds and says which invariants the oracle found broken.
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/mutants/trial.h"

namespace {

using namespace mqttlab;

struct Options {
  std::uint64_t first = 1, last = 200;
  std::set<std::string, std::less<>> until;  ///< stop at the first violation of one of these
};

struct Finding {
  std::uint64_t count = 0, seed = 0;
  std::string what;
};

constexpr const char* usage =
    "usage: probe [--seeds A-B] [--invariant NAME]...\n"
    "  --seeds      worlds to run, 1 <= A <= B; default 1-200\n"
    "  --invariant  stop at the first world that breaks it (or another one that is named)\n"
    "Prints a line per broken invariant: name, findings, first seed, first finding. Exit code: 0 "
    "none, 1 some, 2 usage.\n";

bool parse(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// What is wrong with the arguments; empty if nothing is.
std::string parse(int argc, char** argv, Options& options) {
  const auto known = oracle::invariants();
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name != "--seeds" && name != "--invariant") return "unknown option '" + name + "'";
    if (i + 1 == argc) return name + " wants a value";
    const std::string value = argv[i + 1];
    if (name == "--seeds") {
      const auto dash = value.find('-');
      const bool whole = dash != std::string::npos &&
                         parse(std::string_view(value).substr(0, dash), options.first) &&
                         parse(std::string_view(value).substr(dash + 1), options.last);
      if (!whole || options.first == 0 || options.first > options.last)
        return "--seeds '" + value + "' is no range A-B with 1 <= A <= B";
    } else if (std::find(known.begin(), known.end(), value) == known.end()) {
      return "--invariant '" + value + "' is not one that the oracle knows";
    } else {
      options.until.insert(value);
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const std::string wrong = parse(argc, argv, options); !wrong.empty()) {
    std::fprintf(stderr, "probe: %s\n%s", wrong.c_str(), usage);
    return 2;
  }
  std::map<std::string, Finding> findings;
  bool stop = false;
  for (std::uint64_t seed = options.first; seed <= options.last && !stop; ++seed) {
    mutants::Trial trial(seed);
    for (const oracle::Violation& violation : trial.run()) {
      Finding& finding = findings[violation.invariant];
      if (finding.count++ == 0) {
        finding.seed = seed;
        finding.what = violation.what;
      }
      stop = stop || options.until.contains(violation.invariant);
    }
  }
  for (const auto& [invariant, finding] : findings)
    std::printf("%s\t%llu\t%llu\t%s\n", invariant.c_str(),
                static_cast<unsigned long long>(finding.count),
                static_cast<unsigned long long>(finding.seed), finding.what.c_str());
  return findings.empty() ? 0 : 1;
}
