#include "cprobe/tasks/arithmetic_task.h"

#include "cprobe/tasks/task_evaluator.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const std::string kTask = R"(name: tiny
modulus: 5
operands: [a, b]
distractors: {R: {bijection_of: b}, S: uniform}
tokens: [6, a, R, b, S, 5]
answer: a^2 - b
variables: {var_0: a^2 % p, var_1: -b}
auxiliaries: {aux_0: R % 3}
counterfactuals: [var_0 counter_var_1 +, aux_0]
train_fraction: 0.5
)";

ArithmeticTask parse(const std::string& text) {
  return parse_arithmetic_task(Document::parse_yaml(text, "t.yaml"));
}

/// The task with `line` in place of the line of the same key, or added at the end.
std::string with(const std::string& line) {
  const std::string key = line.substr(0, line.find(':') + 1);
  std::string text = "\n" + kTask;
  const size_t begin = text.find("\n" + key);
  if (begin == std::string::npos) {
    return kTask + line + "\n";
  }
  text.replace(begin + 1, text.find('\n', begin + 1) - begin - 1, line);
  return text.substr(1);
}

TEST(ArithmeticTask, IsReadFromYaml) {
  const ArithmeticTask task = parse(kTask);
  EXPECT_EQ(task.name, "tiny");
  EXPECT_EQ(task.modulus, 5);
  ASSERT_EQ(task.symbols.size(), 4u);
  EXPECT_EQ(task.symbols[1].name, "b");
  EXPECT_EQ(task.symbols[1].kind, SymbolKind::kOperand);
  EXPECT_EQ(task.symbols[2].kind, SymbolKind::kBijection);
  EXPECT_EQ(task.symbols[2].of, "b");
  EXPECT_EQ(task.symbols[3].kind, SymbolKind::kUniform);
  EXPECT_THAT(task.tokens, ElementsAre("6", "a", "R", "b", "S", "5"));
  EXPECT_THAT(task.variables, ElementsAre(Pair("var_0", "a^2 % p"), Pair("var_1", "-b")));
  EXPECT_THAT(task.auxiliaries, ElementsAre(Pair("aux_0", "R % 3")));
  EXPECT_THAT(task.counterfactuals, ElementsAre("var_0 counter_var_1 +", "aux_0"));
  EXPECT_EQ(task.train_fraction, 0.5);
  EXPECT_EQ(vocabulary(task), 7);
}

TEST(ArithmeticTask, NeedsOnlyTheTaskItself) {
  const ArithmeticTask task = parse("name: sum\nmodulus: 7\noperands: [x]\ntokens: [x]\nanswer: x + 1\n");
  EXPECT_TRUE(task.variables.empty());
  EXPECT_EQ(task.train_fraction, 0.6);
  EXPECT_EQ(vocabulary(task), 7);
}

TEST(ArithmeticTask, EvaluatesARow) {
  const ArithmeticTask task = parse(kTask);
  TaskEvaluator evaluator(task);
  const RowValues row = evaluator.evaluate(std::vector<int64_t>{1, 4, 2, 0});
  EXPECT_THAT(row.tokens, ElementsAre(6, 1, 2, 4, 0, 5));
  EXPECT_EQ(row.answer, 2);
  EXPECT_THAT(row.variables, ElementsAre(1, -4, 2));
  const RowValues paired = evaluator.evaluate(std::vector<int64_t>{0, 3, 1, 0});
  EXPECT_THAT(evaluator.counterfactual_labels(row, paired), ElementsAre(3, 2));
}

TEST(ArithmeticTask, SaysWhichKeyIsWrong) {
  EXPECT_INPUT_ERROR(parse(with("modulos: 5")), "t.yaml:11:1");
  EXPECT_INPUT_ERROR(parse(with("modulos: 5")), "modulus");
  EXPECT_INPUT_ERROR(parse(with("modulus: 1")), "t.yaml:2:10");
  EXPECT_INPUT_ERROR(parse(with("modulus: two")), "t.yaml:2:10");
  EXPECT_INPUT_ERROR(parse(with("train_fraction: 1")), "expected a share between 0 and 1, found 1");
  EXPECT_INPUT_ERROR(parse("name: x\n"), "modulus");
  EXPECT_INPUT_ERROR(parse("[1, 2]"), "t.yaml:1:1");
}

TEST(ArithmeticTask, SaysWhichSymbolIsWrong) {
  EXPECT_INPUT_ERROR(parse(with("operands: []")), "at least one operand");
  EXPECT_INPUT_ERROR(parse(with("operands: [a, p]")), "the name 'p' is taken by the modulus");
  EXPECT_INPUT_ERROR(parse(with("operands: [a, a]")), "the name 'a' is taken");
  EXPECT_INPUT_ERROR(parse(with("operands: [a, 3b]")), "'3b' is not a name");
  EXPECT_INPUT_ERROR(parse(with("distractors: {R: random}")), "expected 'uniform' or {bijection_of: OPERAND}");
  EXPECT_INPUT_ERROR(parse(with("distractors: {R: {bijection_of: c}}")), "no operand 'c'");
  EXPECT_INPUT_ERROR(parse(with("tokens: [6, aa, R, b, S, 5]")), "t.yaml:5:13");
  EXPECT_INPUT_ERROR(parse(with("tokens: [6, aa, R, b, S, 5]")), "did you mean 'a'?");
  EXPECT_INPUT_ERROR(parse(with("tokens: [-6, a, R, b, S, 5]")), "neither a number from 0 on nor a symbol");
  EXPECT_INPUT_ERROR(parse(with("tokens: [a, R, 5]")), "'S' is not among the tokens");
}

TEST(ArithmeticTask, SaysWhichFormulaIsWrong) {
  EXPECT_INPUT_ERROR(parse(with("answer: a^2 - c")),
                     "t.yaml:6:9: answer: formula 'a^2 - c', character 7: unknown symbol 'c'");
  EXPECT_INPUT_ERROR(parse(with("variables: {var_0: (a}")), "t.yaml:7:");
  EXPECT_INPUT_ERROR(parse(with("variables: {labels: a}")), "'labels' cannot name a variable");
  EXPECT_INPUT_ERROR(parse(with("auxiliaries: {var_0: a}")), "'var_0' is both a variable and an auxiliary");
  EXPECT_INPUT_ERROR(parse(with("counterfactuals: [var_0 counter_var_9 +]")), "t.yaml:9:");
  EXPECT_INPUT_ERROR(parse(with("counterfactuals: [var_0 counter_var_9 +]")), "did you mean 'counter_var_0'?");
}

}  // namespace
}  // namespace cprobe
