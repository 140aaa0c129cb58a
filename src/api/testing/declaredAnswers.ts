import { answerOf, usualAnswers } from '../../arm/answer.ts';
import type { ArmResult } from '../../arm/respond.ts';
import type { Route } from '../../arm/route.ts';

/** Holds a server to what its routes declare: pass `see` as `onAnswer`, and ask `assertAll` before a test ends. */
export class DeclaredAnswers {
  readonly #undeclared: string[] = [];

  readonly see = (route: Route, result: ArmResult): void => {
    const answer = answerOf(result);
    const declared: readonly string[] = route.answers ?? usualAnswers(route.method);
    if (answer === undefined || declared.includes(answer)) return;
    this.#undeclared.push(
      `${route.method} ${route.path} answered '${answer}', its route declares ${declared.join(', ')}: set its \`answers\``,
    );
  };

  /** Throws when an answer was seen that its route does not declare; each is told once. */
  assertAll(): void {
    const undeclared = this.#undeclared.splice(0);
    if (undeclared.length > 0) throw new Error(undeclared.join('\n'));
  }
}
