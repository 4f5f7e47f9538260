#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/run.h"

/// A server that answers what a test tells it and remembers what it was asked.
namespace neph::cli {

inline std::string answer_of(const std::string& success, const std::string& value,
                             const std::string& code) {
  return "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data><value>"
         "<boolean>" + success + "</boolean></value><value>" + value +
         "</value><value><i4>" + code + "</i4></value></data></array></value></param></params>"
         "</methodResponse>";
}

inline std::string escaped(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '<') safe += "&lt;";
    else if (letter == '&') safe += "&amp;";
    else safe += letter;
  }
  return safe;
}

inline std::string ok_id(std::int64_t id) {
  return answer_of("1", "<i4>" + std::to_string(id) + "</i4>", "0");
}
inline std::string ok_text(const std::string& text) {
  return answer_of("1", "<string>" + escaped(text) + "</string>", "0");
}
inline std::string refusal(int code, const std::string& text) {
  return answer_of("0", "<string>" + escaped(text) + "</string>", std::to_string(code));
}

/// "one.vm.action(poweroff, 3)", the session left out. Kept in `session`.
struct Asked {
  std::string method;
  std::string session;
  std::string text;
};

inline std::string value_text(const pugi::xml_node& value) {
  const auto typed = value.first_child();
  if (std::string_view(typed.name()) == "boolean")
    return typed.text().as_int() != 0 ? "true" : "false";
  if (std::string_view(typed.name()) == "string")
    return std::string("\"") + typed.text().get() + "\"";
  if (std::string_view(typed.name()) != "array") return typed.text().get();
  std::string list;
  for (const auto& item : typed.child("data").children("value"))
    list += (list.empty() ? "" : " ") + value_text(item);
  return "[" + list + "]";
}

inline Asked read_call(std::string_view body) {
  pugi::xml_document document;
  document.load_buffer(body.data(), body.size(),
                       pugi::parse_default | pugi::parse_ws_pcdata_single);
  const auto call = document.child("methodCall");
  Asked asked{call.child_value("methodName"), {}, {}};
  asked.text = asked.method + "(";
  bool is_session = true;
  std::string separator;
  for (const auto& param : call.child("params").children("param")) {
    const std::string value = value_text(param.child("value"));
    if (is_session) asked.session = value;
    if (!is_session) asked.text += separator + value;
    if (!is_session) separator = ", ";
    is_session = false;
  }
  asked.text += ")";
  return asked;
}

class FakeServer {
 public:
  /// Answers of a method, or of one call as it stands in `calls`, in order; the last one again
  /// and again.
  void answer(const std::string& method_or_call, const std::string& body) {
    answers_[method_or_call].push_back(body);
  }
  void go_away() { is_gone_ = true; }

  Result<std::string> post(std::string_view body) {
    if (is_gone_) return fail(Errc::kUnavailable, "cannot reach nephd at http://test/RPC2");
    const Asked asked = read_call(body);
    calls.push_back(asked.text);
    session = asked.session;
    if (on_call) on_call(asked.text);
    const bool is_special = answers_.count(asked.text) > 0;
    auto& answers = answers_[is_special ? asked.text : asked.method];
    if (answers.empty()) return refusal(8192, "[" + asked.method + "] nothing is prepared");
    const std::string answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return answer;
  }

  std::vector<std::string> calls;
  std::string session;
  std::function<void(const std::string& call)> on_call;

 private:
  std::map<std::string, std::deque<std::string>> answers_;
  bool is_gone_ = false;
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(FakeServer& server) : server_(server) {}
  Result<std::string> post(std::string_view body) override { return server_.post(body); }

 private:
  FakeServer& server_;
};

/// One run of the program against a fake server.
class Bench {
 public:
  Surroundings surroundings() {
    return {.in = in,
            .out = out,
            .err = err,
            .clock = clock,
            .out_terminal = {},
            .err_terminal = {},
            .variables = [](std::string_view) { return std::nullopt; },
            .connect =
                [this](const Endpoint&) -> std::unique_ptr<Transport> {
                  return std::make_unique<FakeTransport>(server);
                },
            .catch_interrupts = [] {},
            .is_interrupted = [this] { return is_interrupted; },
            .become =
                [this](const std::vector<std::string>& words) {
                  became = words;
                  return Error{Errc::kNotFound, "cannot run " + words.front(), "no such file"};
                }};
  }

  ExitCode run(std::vector<std::string> words, std::string_view program = "neph") {
    words.insert(words.end(), {"--auth", "ann:secret"});
    Surroundings around = surroundings();
    return cli::run(program, words, around);
  }

  FakeServer server;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  VirtualClock clock;
  bool is_interrupted = false;
  std::vector<std::string> became;  ///< what would run in the place of neph
};

}  // namespace neph::cli
