/* Products, best sellers first. Ready before the shop's buyers meet at seven. */
MODEL (
  name marts.product_sales,
  kind FULL,
  cron '30 6 * * *',
  grain product_id,
  owner analytics,
  tags ('dagster:group_name:marts'),
  audits (
    not_null(columns := (product_id, sales_rank)),
    unique_values(columns := (product_id, sales_rank))
  )
);

SELECT
  p.product_id::INT, -- The product's number
  p.product_name::TEXT, -- As the catalogue has it
  @euros(p.list_price_cents) AS list_price, -- Price of one piece today, in euros
  COALESCE(SUM(l.quantity), 0)::BIGINT AS pieces, -- Pieces sold
  COALESCE(SUM(l.line_total), 0)::DECIMAL(18, 2) AS revenue, -- In euros
  ROW_NUMBER() OVER (ORDER BY SUM(l.line_total) DESC NULLS LAST, p.product_id)::INT AS sales_rank -- 1 is the best seller
FROM raw.products AS p
LEFT JOIN staging.order_lines AS l
  ON l.product_id = p.product_id
GROUP BY
  p.product_id,
  p.product_name,
  p.list_price_cents
