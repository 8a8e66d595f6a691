/** Why there is no file, for a person, and what to do. */
export class BuildError extends Error {
  /**
   * @param code stable, for machines
   * @param remedy what to do next
   */
  constructor(readonly code: string, message: string, readonly remedy: string) {
    super(message);
    this.name = "BuildError";
  }
}
