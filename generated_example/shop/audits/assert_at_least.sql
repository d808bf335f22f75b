AUDIT (
  name assert_at_least
);

SELECT
  *
FROM @this_model
WHERE
  @column < @minimum
