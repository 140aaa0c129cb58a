/** Somebody got a token, or did not. */
export interface SignInEvent {
  readonly isSuccess: boolean;
  readonly grant: string;
  /** Object id; absent when nobody of that name was found. */
  readonly principalId?: string;
  /** As it was given, cut short. */
  readonly name: string;
  readonly address: string;
  /** AADSTS number of a refusal. */
  readonly number?: number;
}
