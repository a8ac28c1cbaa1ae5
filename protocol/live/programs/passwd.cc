// mqttlab-passwd: users and password hashes for mqttlab-broker (and, without --scram, mosquitto).
#include <openssl/rand.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <optional>

#include "protocol/broker/password_file.h"
#include "protocol/live/files.h"
#include "protocol/live/programs/options.h"
#include "protocol/session/octets.h"

namespace {

using namespace mqttlab;
using namespace mqttlab::live;

struct Options {
  std::string file, user;
  std::optional<std::string> password;
  bool create = false, remove = false, from_input = false, scram = false;
  int iterations = 0;
};

void add_options(CLI::App& app, Options& options) {
  app.set_version_flag("--version", MQTTLAB_VERSION);
  app.add_option("FILE", options.file, "The password file")->required();
  app.add_option("USER", options.user, "The user to add, replace or delete");
  app.add_option("PASSWORD", options.password,
                 "Its password; others on this machine can see it. Default: it is asked for");
  app.add_flag("-c,--create", options.create, "Make a new file");
  app.add_flag("-D,--delete", options.remove, "Delete the user");
  app.add_flag("--stdin", options.from_input, "Add or replace users, a line USER:PASSWORD each");
  app.add_flag("--scram", options.scram,
               "For SCRAM-SHA-256, and for passwords; mosquitto cannot read such a line");
  app.add_option("--iterations", options.iterations,
                 "Slow down who guesses, and each login: 1000 take about 1 ms. Default: 1000, with "
                 "--scram 4096")
      ->check(CLI::Range(1, 1'000'000));
}

std::vector<std::uint8_t> new_salt(std::size_t bytes) {
  std::vector<std::uint8_t> salt(bytes);
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1)
    throw std::runtime_error("no random numbers for a salt");
  return salt;
}

std::string line_of(const Options& options, const std::string& user, const std::string& password) {
  if (password.empty()) throw std::invalid_argument("user '" + user + "': the password is empty");
  if (!options.scram) {
    constexpr std::size_t salt_bytes = 12;  // mosquitto takes no other length
    return password_line(user, bytes_of(password), new_salt(salt_bytes),
                         options.iterations > 0 ? options.iterations : 1'000);
  }
  const int iterations = options.iterations > 0 ? options.iterations : least_scram_iterations;
  if (iterations < least_scram_iterations)
    throw std::invalid_argument("--iterations: SCRAM takes at least " +
                                std::to_string(least_scram_iterations));
  return scram_line(user, ScramCredentials::derive(password, new_salt(16), iterations));
}

std::string asked(const std::string& question) {
  const bool terminal = isatty(STDIN_FILENO) == 1;
  termios shown{};
  if (terminal) {
    std::cerr << question << ": " << std::flush;
    tcgetattr(STDIN_FILENO, &shown);
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    std::cerr << '\n';
  }
  return line;
}

std::string asked_password() {
  const std::string password = asked("Password");
  if (isatty(STDIN_FILENO) == 1 && asked("Again") != password)
    throw std::invalid_argument("the two passwords differ");
  return password;
}

/// The text without the user's line, if it has one.
bool erase_user(std::string& text, const std::string& user) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (std::string_view(text).substr(begin).starts_with(user + ':')) {
      text.erase(begin, end - begin);
      return true;
    }
    begin = end;
  }
  return false;
}

void put(std::string& text, const std::string& user, const std::string& line) {
  erase_user(text, user);
  text += line + '\n';
}

void put_input(std::string& text, const Options& options) {
  std::string line;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos)
      throw std::invalid_argument("stdin, line " + std::to_string(number) +
                                  ": write USER:PASSWORD");
    const std::string user = line.substr(0, colon);
    put(text, user, line_of(options, user, line.substr(colon + 1)));
  }
}

int change(const Options& options) {
  if (options.from_input != options.user.empty() || (options.remove && options.password))
    throw std::invalid_argument("give FILE USER [PASSWORD], --delete FILE USER or --stdin FILE");
  std::string text;
  if (!options.create) {
    text = read_file(options.file, "password file (--create makes a new one)");
    static_cast<void>(PasswordFile::parse(text, options.file));
    if (!text.empty() && text.back() != '\n') text += '\n';
  } else if (access(options.file.c_str(), F_OK) == 0) {
    throw std::invalid_argument("'" + options.file + "' exists; leave --create out, or remove it");
  }
  if (options.remove) {
    if (!erase_user(text, options.user))
      throw std::invalid_argument("'" + options.file + "' has no user '" + options.user + "'");
  } else if (options.from_input) {
    put_input(text, options);
  } else {
    put(text, options.user,
        line_of(options, options.user, options.password ? *options.password : asked_password()));
  }
  write_private_file(options.file, text);
  return exit_ok;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("Users and password hashes for mqttlab-broker --passwords FILE.", "mqttlab-passwd");
  add_options(app, options);
  return run_program(app, count, words, [&] { return change(options); });
}
