/**
 * One question at a time for the caller, one statement for all who ask in the same turn of the event loop.
 * `answerAll` gives its answers in the order of the questions. Where it throws, each question is asked once more by
 * itself: what is wrong with one of them is no other's misfortune.
 */
export function createBatcher<Question, Answer>(
  answerAll: (questions: Question[]) => Promise<Answer[]>,
  most = 100,
): (question: Question) => Promise<Answer> {
  interface Waiting {
    question: Question;
    resolve: (answer: Answer) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];

  async function answer(batch: Waiting[]): Promise<void> {
    try {
      const answers = await answerAll(batch.map(({ question }) => question));
      batch.forEach(({ resolve }, i) => resolve(answers[i]!));
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const one of batch) void answer([one]);
    }
  }

  function flush(): void {
    const batch = waiting;
    waiting = [];
    for (let i = 0; i < batch.length; i += most) void answer(batch.slice(i, i + most));
  }

  return (question) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ question, resolve, reject });
    });
}
